// Lets each single write and sync of a runtime fail, once, and looks what it says and what is there
// when it is opened again.

#include "command_line.hpp"
#include "expectations.hpp"
#include "failing_disk.hpp"
#include "memory.hpp"
#include "scale.hpp"
#include "temporary_directory.hpp"

#include <cairn/error.hpp>

#include <iostream>
#include <map>
#include <string>

using namespace crash;

namespace {

struct figures {
  std::uint64_t runs = 0, bad = 0;
  std::map<std::string, std::uint64_t> noticed; ///< By what told of the failure.
};

/// How the first failure was told; empty: it was not.
std::string told_by(const expectations& told) {
  for (std::size_t i = 0; i < told.told; ++i)
    if (told.answers[i].what == report::kind::failed)
      return std::string{"a command: "}
             + std::string{cairn::to_string(static_cast<cairn::errc>(told.answers[i].code))};
  if (told.hosting != 0)
    return std::string{"hosting: "}
           + std::string{cairn::to_string(static_cast<cairn::errc>(told.hosting))};
  if (!told.opened)
    return std::string{"opening: "}
           + std::string{cairn::to_string(static_cast<cairn::errc>(told.opening))};
  return told.closing != 0 ? "closing" : "";
}

/// A command's error that a disk that fails does not explain; empty: there is none. `io_failed`:
/// its aggregate could not be read any more, once the write of LMDB's root page had failed.
/// `aborted`: one before it on the aggregate failed.
std::string other_failure(const expectations& told) {
  using cairn::errc;
  for (std::size_t i = 0; i < told.told; ++i) {
    const auto code = static_cast<errc>(told.answers[i].code);
    if (told.answers[i].what == report::kind::failed && code != errc::outcome_unknown
        && code != errc::journal_stopped && code != errc::io_failed && code != errc::aborted)
      return std::string{cairn::to_string(code)};
  }
  return {};
}

/// What is wrong with what a runtime said whose disk failed.
std::string check_append(const expectations& told) {
  const auto by = told_by(told);
  if (by.empty())
    return "nobody was told of the failure";
  if (told.hosting != 0)
    return told.hosting == static_cast<std::uint32_t>(cairn::errc::journal_stopped)
               ? std::string{}
               : "hosting failed with another error than journal_stopped: " + by;
  if (!told.opened)
    return told.opening == static_cast<std::uint32_t>(cairn::errc::io_failed)
               ? ""
               : "opening failed with another error than io_failed: " + by;
  if (!told.closed)
    return "it did not close";
  if (!told.failed())
    return {}; // while closing
  if (auto other = other_failure(told); !other.empty())
    return "a command failed with " + other;
  if (!told.stopped || !told.says_why || told.accepted_later || told.closing == 0)
    return "it did not stop, or does not say why";
  // LMDB lets nobody read any more when the write of its root page has failed.
  const bool readable =
      told.reading == 0 || told.reading == static_cast<std::uint32_t>(cairn::errc::io_failed);
  return readable ? "" : "reading fails with another error than io_failed";
}

/// One run whose call number `at` fails; false: it had no such call.
bool try_failure(std::uint64_t at, const test::disk_failure& kind, std::uint64_t rounds,
                 expectations& told, figures& sum) {
  const test::temporary_directory place;
  const auto directory = place / "journal";
  told.clear();
  const bool lived = in_child([&] {
    test::failing_disk disk{at, kind.how};
    test::watch_io(directory, &disk);
    run_clients(directory, rounds, 3, told);
    test::watch_io({}, nullptr);
    told.calls = disk.calls();
    return true;
  });
  if (lived && told.calls < at)
    return false;
  ++sum.runs;
  std::string wrong = lived ? check_append(told) : "it died";
  if (wrong.empty() && !in_child([&] {
        wrong = contradiction_to(told, directory);
        if (!wrong.empty())
          std::cout << "  " << wrong << std::endl;
        return wrong.empty();
      }))
    wrong = "what is there contradicts what was said";
  if (!wrong.empty()) {
    ++sum.bad;
    std::cout << "FAILED: call " << at << " fails with " << kind.name << ": " << wrong << std::endl;
  }
  ++sum.noticed[told_by(told)];
  return true;
}

} // namespace

int main(int argc, char** argv) {
  const bool full = test::scaled(0, 1) == 1;
  std::uint64_t rounds = full ? 12 : 5;
  test::command_line options{"Lets each write and sync of a runtime fail once."};
  options.add("--rounds", rounds, "Of four commands each");
  options.parse(argc, argv);

  test::keep_temporary_files_in_memory();
  auto& told = shared_expectations();
  figures sum;
  std::uint64_t calls = 0;
  for (std::uint64_t at = 1;; ++at) {
    bool reached = false;
    for (std::size_t i = 0; i < test::disk_failures.size(); ++i)
      if (full || (at + i) % 3 == 0) // else each call fails with both codes, in one way each
        reached = try_failure(at, test::disk_failures[i], rounds, told, sum) || reached;
    if (!reached)
      break;
    calls = at;
  }
  for (const auto& [by, times] : sum.noticed)
    std::cout << "  told by " << (by.empty() ? "nobody" : by) << ": " << times << '\n';
  std::cout << "each of " << calls << " calls failed, " << sum.runs << " runs, " << sum.bad
            << " of them with something lost, or without a clean stop\n";
  return sum.bad == 0 && calls > 0 ? 0 : 1;
}
