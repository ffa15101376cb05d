#include "expectations.hpp"

#include "acknowledged_log.hpp"
#include "commands.hpp"

#include <cairn/lmdb_journal.hpp>
#include <cairn/runtime.hpp>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <iostream>
#include <iterator>
#include <new>
#include <sstream>
#include <vector>

namespace crash {
namespace {

constexpr std::uint64_t run = 1;
constexpr std::uint32_t carts = 6;
constexpr std::uint32_t commands_a_round = 4;
constexpr std::size_t rounds_after_failure = 2;
constexpr unsigned most_seconds = 120;

cairn::lmdb journal_in(const std::filesystem::path& directory) {
  return {.directory = directory,
          .map_bytes = std::size_t{1} << 30,
          .free_space_watermark_bytes = 0,
          .flush_interval_events = 8}; // so that most commits flush some heads
}

cairn::runtime_options options_for(const std::filesystem::path& directory) {
  return {.storage = journal_in(directory), .threads = 2};
}

constexpr cairn::aggregate_options cart_options{.snapshot_every = 4};

class clients {
public:
  clients(const cairn::aggregates<cart>& all, std::uint32_t most_events, expectations& out)
    : carts_{all}, most_events_{most_events}, out_{out} {}

  /// Sends some commands and waits for all of the answers; false: one of them failed.
  bool round() {
    const bool first = out_.sent == 0;
    std::vector<std::pair<report, cairn::future<cairn::reply>>> open;
    for (std::uint32_t i = 0; i < (first ? carts : commands_a_round); ++i) {
      const auto order = next(first ? i : (out_.sent + i / 2) % carts, first);
      out_.orders[out_.sent++] = order;
      open.emplace_back(order, send(carts_, order, run));
    }
    bool all_well = true;
    for (auto& [order, answer] : open) {
      const auto told = outcome_of(order, answer.get());
      out_.answers[out_.told++] = told;
      all_well = all_well && told.what != report::kind::failed;
      out_.accepted_later =
          out_.accepted_later || (out_.stopped && told.what == report::kind::accepted);
    }
    return all_well;
  }

  bool full() const noexcept { return out_.sent + carts > std::size(out_.orders); }

private:
  report next(std::uint64_t of, bool first) const {
    report order{};
    order.what = report::kind::sent;
    order.asked = first ? report::command::create : report::command::modify;
    order.cart = static_cast<std::uint32_t>(of);
    order.id = out_.sent + 1;
    order.events = 1 + static_cast<std::uint32_t>(out_.sent % most_events_);
    return order;
  }

  const cairn::aggregates<cart>& carts_;
  const std::uint32_t most_events_;
  expectations& out_;
};

std::string text_of(const cairn::error& failure) {
  std::ostringstream text;
  text << failure;
  return text.str();
}

/// Commands of unknown outcome, sent again, have their effect once.
std::string send_again(const expectations& told, const acknowledged_log& seen,
                       const cairn::aggregates<cart>& all) {
  for (std::size_t i = 0; i < told.told; ++i) {
    const auto& answer = told.answers[i];
    if (answer.what != report::kind::failed)
      continue;
    const auto durable = seen.version_of(run, answer.id);
    auto order = answer;
    order.what = report::kind::sent;
    const auto again = send(all, order, run).get();
    if (!again)
      return "a command sent again failed: " + text_of(again.error());
    const bool known = again->accepted() && again->repeated();
    if (known == durable.is_none() || (known && again->version() != durable))
      return "command " + std::to_string(order.id) + ", sent again, has its effect twice or never";
  }
  return {};
}

} // namespace

void expectations::clear() noexcept {
  std::memset(this, 0, sizeof(*this));
}

bool expectations::failed() const noexcept {
  for (std::size_t i = 0; i < told; ++i)
    if (answers[i].what == report::kind::failed)
      return true;
  return false;
}

void run_clients(const std::filesystem::path& directory, std::uint64_t rounds,
                 std::uint32_t most_events, expectations& out) {
  auto runtime = cairn::runtime::open(options_for(directory));
  if (!runtime) {
    out.opening = static_cast<std::uint32_t>(runtime.error().code());
    return;
  }
  const auto all = runtime->host<cart>(cart_options); // writes: the schemas
  if (!all) {
    out.hosting = static_cast<std::uint32_t>(all.error().code());
    return;
  }
  out.opened = true;
  clients some{*all, most_events, out};
  std::size_t after_failure = 0;
  for (std::uint64_t i = 0; i < rounds && after_failure <= rounds_after_failure && !some.full();
       ++i) {
    after_failure += some.round() ? 0 : 1;
    if (after_failure == 0)
      continue;
    const auto status = runtime->status().journal;
    out.stopped = status.stopped_by.has_value();
    out.says_why = out.stopped && !status.stopped_by->message().empty();
  }
  const auto read = all->history(cart_id(0), [](const auto&, const auto&) {});
  out.reading = read ? 0 : static_cast<std::uint32_t>(read.error().code());
  const auto closed = runtime->close();
  out.closed = true;
  out.closing = closed ? 0 : static_cast<std::uint32_t>(closed.error().code());
}

std::string contradiction_to(const expectations& told, const std::filesystem::path& directory) {
  if (std::filesystem::exists(directory / "journal.mdb")) {
    if (const auto sound = cairn::verify_lmdb_journal(journal_in(directory)); !sound)
      return text_of(sound.error());
  }
  auto runtime = cairn::runtime::open(options_for(directory));
  if (!runtime)
    return "it cannot be opened again: " + text_of(runtime.error());
  try {
    acknowledged_log seen;
    seen.begin(run);
    for (std::size_t i = 0; i < told.sent; ++i)
      seen.hear(told.orders[i]);
    for (std::size_t i = 0; i < told.told; ++i)
      seen.hear(told.answers[i]);
    seen.read(runtime->journal());
    const auto all = runtime->host<cart>(cart_options);
    if (!all)
      return "its aggregates cannot be hosted again: " + text_of(all.error());
    if (auto wrong = send_again(told, seen, *all); !wrong.empty())
      return wrong;
    seen.begin(run + 1);
    seen.read(runtime->journal());
    seen.read_again(runtime->journal());
  } catch (const contradiction& found) {
    return found.what();
  }
  if (const auto closed = runtime->close(); !closed)
    return "it cannot be closed: " + text_of(closed.error());
  return {};
}

bool in_child(const std::function<bool()>& body) {
  std::cout << std::flush;
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(most_seconds);
    ::_exit(body() ? 0 : 1);
  }
  int status = 0;
  return child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status)
         && WEXITSTATUS(status) == 0;
}

expectations& shared_expectations() {
  void* const memory = ::mmap(nullptr, sizeof(expectations), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    throw std::bad_alloc{};
  return *static_cast<expectations*>(memory); // all zero, as `clear` leaves it
}

} // namespace crash
