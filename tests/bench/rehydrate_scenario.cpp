#include "session.hpp"

#include "counter.hpp"
#include "failure.hpp"
#include "load.hpp"
#include "raw_lmdb.hpp"
#include "rounds.hpp"
#include "stream_filler.hpp"

#include <algorithm>
#include <limits>
#include <span>

namespace bench {
namespace {

constexpr std::size_t depth = 30;
constexpr std::size_t most_streams_read = 20'000;
constexpr std::size_t events_per_append = 256; // of the one long stream

using streams = std::span<const cairn::stream_id>;

std::vector<cairn::stream_head> heads_of(const std::filesystem::path& directory, streams wanted) {
  const auto journal = open_journal(directory);
  std::vector<cairn::stream_head> heads;
  for (const auto& stream : wanted)
    heads.push_back(need(journal->head(stream), "a head"));
  return heads;
}

/// Folds each stream into a state, on this thread.
measured replay(const cairn::journal& journal, streams wanted, latency_histogram& each) {
  std::uint64_t events = 0;
  const auto begin = clock::now();
  auto before = begin;
  for (const auto& stream : wanted) {
    counter_state state;
    const auto last = journal.replay(stream, cairn::version{1}, cairn::version::max(),
                                     [&](const cairn::event_view& event) {
                                       if (event.type() == cairn::type_id_of<added>())
                                         counter::evolve(state, event.payload().getAs<Added>());
                                       return cairn::visit_result::proceed;
                                     });
    if (need(last, "a replay").number() != state.count)
      throw failure{"a replay brought " + std::to_string(state.count) + " events"};
    events += state.count;
    const auto now = clock::now();
    each.record(now - before);
    before = now;
  }
  return {events, before - begin};
}

// The ceiling and the journal take turns with the file, for it must not be open twice in one
// process. Each first goes over the records unmeasured, so that its map is populated: otherwise
// page faults would be most of both.

measured replay_warm(const std::filesystem::path& directory, streams wanted,
                     latency_histogram& each) {
  const auto journal = open_journal(directory);
  latency_histogram ignored;
  replay(*journal, wanted, ignored);
  return replay(*journal, wanted, each);
}

measured walk_warm(const std::filesystem::path& directory,
                   std::span<const cairn::stream_head> heads, raw_reader::touch touched) {
  raw_reader reader{directory};
  reader.walk(heads, touched);
  return reader.walk(heads, touched);
}

struct figures {
  rates found;
  latency_histogram each;
  double every_word_per_s = 0;
};

void measure(const std::filesystem::path& directory, streams wanted, figures& into) {
  const auto heads = heads_of(directory, wanted);
  into.found = alternate([&] { return replay_warm(directory, wanted, into.each); },
                         [&] { return walk_warm(directory, heads, raw_reader::touch::one_word); });
  into.every_word_per_s = walk_warm(directory, heads, raw_reader::touch::every_word).per_second();
}

/// Cold aggregates of a runtime, each asked once: everything from the query to its answer.
void measure_activation(const std::filesystem::path& directory, const load::settings& with,
                        json& details) {
  load queries{with};
  outcomes out;
  auto runtime = open_runtime(directory);
  queries.aim(runtime.host<counter>().value());
  const auto time = queries.query_all(out);
  out.throw_if_failed();
  if (const auto count = runtime.status().rehydrations; count != with.aggregates)
    throw failure{std::to_string(count) + " aggregates were rehydrated"};
  need(runtime.close(), "closing the runtime");
  details["activations_per_s"] = measured{with.aggregates, time}.per_second();
  details["activation_events_per_s"] = measured{with.aggregates * depth, time}.per_second();
}

void fill_one_stream(const std::filesystem::path& directory, const cairn::stream_id& stream,
                     std::uint64_t events, std::size_t payload) {
  const auto journal = open_journal(directory);
  stream_filler filler{*journal, payload};
  for (std::uint64_t done = 0; done < events;) {
    const auto next = std::min<std::uint64_t>(events_per_append, events - done);
    filler.append(stream, next);
    done += next;
  }
  filler.settle();
  need(journal->close(), "closing a journal");
}

void measure_one_stream(const session& at, std::uint64_t events, std::size_t payload,
                        json& details) {
  const scratch_directory home{at.directory, "one-stream"};
  const auto stream = streams_of(1);
  fill_one_stream(home.path(), stream.front(), events, payload);
  figures read;
  measure(home.path(), stream, read);
  details["one_stream"] = {{"events", events},
                           {"rate_per_s", read.found.own},
                           {"ceiling_per_s", read.found.ceiling},
                           {"ratio", read.found.own / read.found.ceiling},
                           {"ceiling_every_word_per_s", read.every_word_per_s}};
}

double us_per_aggregate(const figures& read) {
  return 1e6 * depth / read.found.own;
}

} // namespace

report run_rehydrate(session& at) {
  const auto events = std::max<std::uint64_t>(10 * depth, at.asked.events.value_or(3'000'000));
  const auto payload = at.asked.payload.value_or(192);
  const auto all = streams_of(events / depth);
  const auto tenth = streams{all}.first(all.size() / 10);
  const auto read = streams{all}.first(std::min(tenth.size(), most_streams_read));

  report made{.scenario = "rehydrate"};
  made.what =
      "streams of 30 events scattered over the log, in cache, replayed and decoded in place "
      "on one thread, latency of one stream; ceiling: a bare LMDB cursor walking the same "
      "records by their back pointers";
  made.target = "ratio at least 0.6, for one_stream too; us_per_aggregate independent of the size";
  made.options = {{"events", all.size() * depth}, {"payload", payload}};
  figures large;
  {
    const scratch_directory home{at.directory, "scattered"};
    fill_scattered(home.path(), all, depth, payload);
    measure(home.path(), read, large);
    made.rate_per_s = large.found.own;
    made.set_ceiling(large.found.ceiling);
    made.set_latencies(large.each, report::closed_loop);
    made.details["streams_read"] = read.size();
    made.details["ceiling_every_word_per_s"] = large.every_word_per_s;
    made.details["us_per_aggregate"] = us_per_aggregate(large);
    measure_activation(home.path(),
                       {.aggregates = read.size(),
                        .payload = payload,
                        .in_flight = at.asked.in_flight.value_or(1024),
                        .clients = at.asked.clients.value_or(1)},
                       made.details);
  }
  {
    const scratch_directory home{at.directory, "tenth"};
    fill_scattered(home.path(), {tenth.begin(), tenth.end()}, depth, payload);
    figures small;
    measure(home.path(), read, small);
    made.details["us_per_aggregate_in_a_tenth"] = us_per_aggregate(small);
  }
  measure_one_stream(at, events / 3, payload, made.details);
  return made;
}

} // namespace bench
