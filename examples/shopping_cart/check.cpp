#include "cart.hpp"
#include "commands.hpp"
#include "outcome.hpp"
#include "terminal.hpp"

#include <cairn/check_replay.hpp>
#include <cairn/lmdb_journal.hpp>

#include <nlohmann/json.hpp>

#include <chrono>
#include <iostream>

namespace shop {
namespace {

using json = nlohmann::ordered_json;

double in_microseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::micro>{time}.count();
}

json to_json(const cairn::replay_check& found) {
  auto findings = json::array();
  for (const auto& one : found.findings) {
    findings.push_back({{"what", to_string(one.what)},
                        {"stream", one.stream},
                        {"version", one.version.number()},
                        {"position", one.position.bits()},
                        {"message", one.message}});
  }
  return {{"carts", found.aggregates},
          {"events", found.events},
          {"snapshots", found.compared_snapshots},
          {"incomparableSnapshots", found.incomparable_snapshots},
          {"medianMicroseconds", in_microseconds(found.median)},
          {"p99Microseconds", in_microseconds(found.p99)},
          {"slowestMicroseconds", in_microseconds(found.slowest)},
          {"slowest", found.slowest_stream},
          {"findingCount", found.finding_count},
          {"findings", std::move(findings)}};
}

void print(const cairn::replay_check& found) {
  std::cout << "folded " << with_thousands(found.events) << " events of "
            << with_thousands(found.aggregates) << " carts; compared "
            << with_thousands(found.compared_snapshots) << " snapshots\n";
  if (found.aggregates > 0) {
    std::cout << "a cart takes " << in_microseconds(found.median) << " us (median), "
              << in_microseconds(found.p99) << " us (99 of 100), " << in_microseconds(found.slowest)
              << " us (" << found.slowest_stream << ")\n";
  }
  std::cout << (found.clean() ? std::string{"nothing is different"}
                              : with_thousands(found.finding_count) + " findings")
            << '\n';
}

} // namespace

status run_check(const arguments& given) {
  const auto journal = cairn::open_lmdb_journal_for_reading({.directory = given.file});
  if (!journal)
    return complain(journal.error());
  progress_bar bar;
  const auto found = cairn::check_replay<shopping_cart>(
      **journal,
      {.on_progress = [&](std::uint64_t done, std::uint64_t all) { bar.show(done, all); }});
  bar.clear();
  if (!found)
    return complain(found.error());
  if (given.json)
    std::cout << to_json(*found) << '\n';
  else
    print(*found);
  for (const auto& one : found->findings)
    std::cerr << one.stream << " version " << one.version << ": " << to_string(one.what) << ": "
              << one.message << '\n';
  return finish(found->clean() ? status::done : status::refused);
}

} // namespace shop
