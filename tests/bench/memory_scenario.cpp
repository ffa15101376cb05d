#include "session.hpp"

#include "counter.hpp"
#include "failure.hpp"
#include "load.hpp"

#include <cairn/runtime.hpp>

#include <malloc.h>

#include <algorithm>
#include <fstream>

namespace bench {
namespace {

/// The memory of this process that is no file's: the journal's mapped pages are the page cache's.
/// What the allocator merely keeps is given back first.
std::size_t resident_bytes() {
  malloc_trim(0);
  std::ifstream status{"/proc/self/status"};
  for (std::string word; status >> word;) {
    std::size_t kib = 0;
    if (word == "RssAnon:" && status >> kib)
      return kib * 1024;
  }
  throw failure{"/proc/self/status has no RssAnon"};
}

} // namespace

report run_memory(session& at) {
  const load::settings with{.aggregates = at.asked.aggregates.value_or(200'000),
                            .payload = at.asked.payload.value_or(192),
                            .in_flight = at.asked.in_flight.value_or(4096),
                            .clients = at.asked.clients.value_or(1),
                            .queries_of_4 = 0,
                            .command_ids = at.asked.command_ids};
  const auto warming_aggregates = std::clamp<std::size_t>(with.aggregates / 10, 1, 1000);
  load warming{{.aggregates = warming_aggregates,
                .payload = with.payload,
                .in_flight = with.in_flight,
                .clients = with.clients,
                .queries_of_4 = 0,
                .command_ids = with.command_ids}};
  load all{with};
  const scratch_directory home{at.directory, "journal"};
  // Heads of streams that were written lately are the journal's memory, not the aggregates'.
  auto runtime = need(cairn::runtime::open({.storage = cairn::lmdb{.directory = home.path(),
                                                                   .flush_interval_events = 1024}}),
                      "opening a runtime");
  const auto counters =
      runtime.host<counter>({.idle_timeout = std::chrono::milliseconds::zero()}).value();
  warming.aim(counters);
  all.aim(counters);

  warming.activate_all(); // thread caches, arenas, the journal's tables
  const auto resident_before = runtime.status().resident;
  const auto before = resident_bytes();
  const auto begin = clock::now();
  all.activate_all();
  const std::chrono::duration<double> time = clock::now() - begin;
  const auto after = resident_bytes();
  const auto resident = runtime.status().resident - resident_before;
  if (resident + warming_aggregates != with.aggregates)
    throw failure{std::to_string(resident) + " aggregates became resident"};
  const auto events = runtime.journal().last_position().number();
  need(runtime.close(), "closing the runtime");

  report made{.scenario = "memory"};
  made.what = "anonymous memory of the process for each resident idle aggregate that has had one "
              "command, without its state; a rate is activations by a first command";
  made.target = "bytes_per_aggregate at most 2048";
  made.options = {{"aggregates", with.aggregates},
                  {"payload", with.payload},
                  {"in_flight", with.in_flight},
                  {"clients", with.clients},
                  {"command_ids", with.command_ids}};
  made.rate_per_s = static_cast<double>(with.aggregates) / time.count();
  const auto grown = static_cast<double>(after) - static_cast<double>(before);
  const auto state = sizeof(counter_state);
  made.details["bytes_per_aggregate"] =
      grown / static_cast<double>(resident) - static_cast<double>(state);
  made.details["state_bytes"] = state;
  made.details["resident"] = resident;
  made.details["events_in_journal"] = events;
  return made;
}

} // namespace bench
