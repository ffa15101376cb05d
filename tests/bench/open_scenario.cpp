#include "session.hpp"

#include "counter.hpp"
#include "failure.hpp"
#include "load.hpp"
#include "raw_lmdb.hpp"
#include "rounds.hpp"
#include "stream_filler.hpp"

#include <algorithm>
#include <iostream>
#include <random>

#include <unistd.h>

/// A journal is filled, left without being closed, and opened. Processes of their own do both, and
/// end by `_exit`, so that nothing is flushed and each opening finds the same tail to replay.
namespace bench {
namespace {

constexpr std::uint64_t flush_interval = raw_log::flush_interval;
// Divides the flush interval, and each wave is awaited: so a flush begins exactly at a multiple of
// the interval, and it can be said where the unflushed tail is longest.
constexpr std::uint64_t wave = 32'768;
constexpr std::uint64_t before_the_flush_is_done = 8'192;

/// The smallest number of events, at least `events`, at which the unflushed tail is as long as it
/// gets: half an interval into a flush, just before its last row.
std::uint64_t with_longest_tail(std::uint64_t events) {
  if (events < 2 * flush_interval)
    return events;
  constexpr auto place = flush_interval / 2 - before_the_flush_is_done;
  const auto intervals = (events - place + flush_interval - 1) / flush_interval;
  return intervals * flush_interval + place;
}

} // namespace

int build_journal_and_die(const std::string& directory, std::uint64_t events, std::size_t payload,
                          std::size_t aggregates) {
  die_with_parent();
  const auto streams = streams_of(aggregates);
  auto journal = open_journal(directory);
  stream_filler filler{*journal, payload};
  // In streams of equal length, each appended at once; only the tail is scattered, an event a
  // stream.
  const auto tail = std::min(events, 2 * flush_interval);
  const auto length = std::max<std::uint64_t>(1, (events - tail) / aggregates);
  std::mt19937_64 random{11};
  std::size_t next = 0;
  for (std::uint64_t done = 0; done < events;) {
    const auto left_in_wave = wave - done % wave;
    auto count = std::min({length, left_in_wave, events - done});
    if (events - done <= tail) {
      count = 1;
      next = static_cast<std::size_t>(random() % aggregates);
    }
    filler.append(streams[next++ % aggregates], count);
    done += count;
    if (done % wave == 0)
      filler.settle();
  }
  filler.settle();
  std::cout << journal->last_position() << std::endl;
  _exit(0);
}

int open_journal_and_die(const std::string& directory) {
  die_with_parent();
  const auto begin = clock::now();
  auto runtime = open_runtime(directory);
  const auto opened = clock::now();
  auto counters = runtime.host<counter>().value();
  const auto reply = need(counters.ask(id_of(0), add{}).get(), "the first command");
  const auto answered = clock::now();
  const auto ms = [](auto time) { return std::chrono::duration<double, std::milli>{time}.count(); };
  const json found{{"open_ms", ms(opened - begin)},
                   {"first_command_ms", ms(answered - opened)},
                   {"tail", runtime.status().journal.replayed_at_open},
                   {"position", reply.position().number()}};
  std::cout << found.dump() << std::endl;
  _exit(0);
}

report run_open(session& at) {
  const auto events = with_longest_tail(at.asked.events.value_or(10'000'000));
  const auto payload = at.asked.payload.value_or(64);
  const auto aggregates = static_cast<std::size_t>(std::min<std::uint64_t>(
      at.asked.aggregates.value_or(1'000'000), std::max<std::uint64_t>(1, events / 10)));
  const scratch_directory home{at.directory, "journal"};
  const scratch_directory raw_home{at.directory, "raw"};
  run_self({"--build-journal-and-die", home.path().string(), std::to_string(events),
            std::to_string(payload), std::to_string(aggregates)});

  raw_log raw{raw_home.path(), record_bytes(payload), 1};
  std::vector<double> opens;
  std::vector<double> firsts;
  std::vector<double> owns;
  std::vector<double> ceilings;
  std::uint64_t tail = 0;
  for (std::size_t i = 0; i < rounds; ++i) {
    const auto text = run_self({"--open-journal-and-die", home.path().string()});
    const auto found = json::parse(text);
    if (found["position"] != events + i + 1)
      throw failure{"the first command's event got the position " + found["position"].dump()};
    if (i == 0)
      tail = found["tail"]; // each opening adds an event
    opens.push_back(found["open_ms"]);
    firsts.push_back(found["first_command_ms"]);
    owns.push_back(opens.back() + firsts.back());
    const auto begin = clock::now();
    raw_reader{home.path()}.scan_tail(tail);
    raw.append(1, std::chrono::seconds{1}, 1);
    ceilings.push_back(std::chrono::duration<double, std::milli>{clock::now() - begin}.count());
  }

  report made{.scenario = "open"};
  made.what =
      "a journal that was not closed, with the longest tail, in cache: runtime::open and the "
      "first command's answer; a rate is openings; ceiling: LMDB alone opens the file, reads "
      "the same tail, and commits one record";
  made.target = "p50 under 1 s";
  made.options = {{"events", events}, {"payload", payload}, {"aggregates", aggregates}};
  made.rate_per_s = 1000 / median(owns);
  made.set_ceiling(1000 / median(ceilings));
  made.p50_us = 1000 * median(owns);
  made.details["open_ms"] = median(opens);
  made.details["first_command_ms"] = median(firsts);
  made.details["ceiling_ms"] = median(ceilings);
  made.details["replayed_tail"] = tail;
  return made;
}

} // namespace bench
