#include "session.hpp"

#include "failure.hpp"
#include "load.hpp"
#include "raw_lmdb.hpp"
#include "rounds.hpp"
#include "stream_filler.hpp"
#include "tallies.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>

/// The scenarios with a projection: one row for each aggregate, changed by each of its events.
namespace bench {
namespace {

constexpr std::size_t rows_per_commit = 16'384; // the default of a projection's batch
constexpr std::uint64_t most_ceiling_rows = 1'000'000;
constexpr double default_seconds = 6;
constexpr std::uint64_t replies_per_sample = 16;

constexpr const char* ceiling_note =
    "ceiling: LMDB alone puts a row of the same size for each event, 16,384 a commit";

/// Rows put by LMDB alone.
class row_ceiling {
public:
  row_ceiling(const session& at, std::size_t rows)
    : directory_{at.directory, "raw-rows"}, rows_{directory_.path(), rows} {}

  measured operator()(double seconds) {
    return rows_.put(rows_per_commit, std::chrono::duration<double>{seconds}, most_ceiling_rows);
  }

private:
  scratch_directory directory_;
  raw_rows rows_;
};

/// Commands to aggregates that are all resident.
class rig {
public:
  rig(const session& at, const char* name, const load::settings& with)
    : journal_{at.directory, name}, load_{with}, runtime_{open_runtime(journal_.path())} {
    const cairn::aggregate_options hosted{.max_outstanding =
                                              std::max<std::size_t>(16'384, 2 * with.in_flight)};
    load_.aim(need(runtime_.host<counter>(hosted), "hosting"));
    load_.activate_all();
  }

  load& generator() noexcept { return load_; }

  cairn::projection<tallies> project(cairn::projection_mode mode) {
    return need(runtime_.project<tallies>({.mode = mode}), "a projection");
  }

  measured run_closed(double seconds, outcomes& out) {
    const auto before = out.succeeded();
    const auto time = load_.run_closed(std::chrono::duration<double>{seconds}, out);
    return {out.succeeded() - before, time};
  }

  void catch_up(const cairn::projection<tallies>& projection) {
    need(projection.wait_for(runtime_.journal().last_position()), "waiting for the projection");
  }

  /// Every event must have been counted once. Throws `failure`.
  void check(const cairn::projection<tallies>& projection, report& into) {
    const auto last = runtime_.journal().last_position();
    const auto events = last.number();
    need(projection.wait_for(last), "waiting for the projection");
    into.details["events_in_journal"] = events;
    into.details["events_in_rows"] = count_events(projection);
    if (count_events(projection) != events)
      throw failure{"the rows count " + std::to_string(count_events(projection)) + " of "
                    + std::to_string(events) + " events"};
  }
  void close() { need(runtime_.close(), "closing the runtime"); }

private:
  scratch_directory journal_;
  load load_;
  cairn::runtime runtime_;
};

load::settings settings_of(const options& asked, std::size_t payload) {
  return {.aggregates = asked.aggregates.value_or(100'000),
          .payload = asked.payload.value_or(payload),
          .in_flight = asked.in_flight.value_or(16'384),
          .clients = asked.clients.value_or(1),
          .command_ids = asked.command_ids};
}

json options_of(const load::settings& with, double seconds) {
  return {{"aggregates", with.aggregates},
          {"payload", with.payload},
          {"in_flight", with.in_flight},
          {"clients", with.clients},
          {"seconds", seconds}};
}

} // namespace

report run_project(session& at) {
  const auto aggregates = at.asked.aggregates.value_or(100'000);
  const auto payload = at.asked.payload.value_or(192);
  const auto depth = std::max<std::uint64_t>(1, at.asked.events.value_or(1'000'000) / aggregates);
  const auto events = depth * aggregates;
  const scratch_directory home{at.directory, "project"};
  fill_scattered(home.path(), streams_of(aggregates), depth, payload);
  row_ceiling ceiling{at, aggregates};

  tallies::work = at.asked.handler_work;
  report made{.scenario = "project"};
  const auto catch_up = [&] {
    std::filesystem::remove_all(home.path() / "projections");
    auto runtime = open_runtime(home.path());
    const auto begin = clock::now();
    cairn::projection_options with;
    with.threads = at.asked.threads;
    const auto projection = need(runtime.project<tallies>(with), "a projection");
    need(projection.wait_for(cairn::position{events}), "waiting for the projection");
    const measured took{events, clock::now() - begin};
    const auto status = projection.status();
    made.details["commits"] = status.tables.commits;
    made.details["parallel_events"] = status.parallel_events;
    made.details["parallel_retries"] = status.parallel_retries;
    if (count_events(projection) != events)
      throw failure{"the rows do not count every event"};
    need(runtime.close(), "closing the runtime");
    return took;
  };
  const auto found = alternate(
      catch_up, [&] { return ceiling(at.asked.seconds.value_or(default_seconds) / rounds); });
  made.what = "a projection catches up with a journal, synced; threads that fold: "
              + std::to_string(at.asked.threads) + "; " + ceiling_note;
  made.target = "at least the rate of commands";
  made.options = {{"aggregates", aggregates},
                  {"payload", payload},
                  {"events", events},
                  {"threads", at.asked.threads},
                  {"handler_work", tallies::work}};
  made.rate_per_s = found.own;
  made.set_ceiling(found.ceiling);
  if (at.peak_per_s)
    made.details["commands_per_s"] = *at.peak_per_s;
  return made;
}

report run_inline(session& at) {
  const auto with = settings_of(at.asked, 550);
  const auto seconds = at.asked.seconds.value_or(default_seconds);
  row_ceiling ceiling{at, with.aggregates};
  rig with_it{at, "inline", with};
  rig without{at, "without", with};
  const auto projection = with_it.project(cairn::projection_mode::before_reply);
  outcomes out;
  outcomes out_without;
  const auto ceiling_rate = ceiling(seconds / rounds).per_second();
  const auto found = alternate([&] { return with_it.run_closed(seconds / rounds, out); },
                               [&] { return without.run_closed(seconds / rounds, out_without); });
  out.throw_if_failed();
  out_without.throw_if_failed();

  report made{.scenario = "inline"};
  made.what = std::string{"commands as in `commands`, with a projection that is folded before each "
                          "reply, and without; "}
              + ceiling_note;
  made.target = "ratio at least 0.7";
  made.options = options_of(with, seconds);
  made.rate_per_s = found.own;
  made.ceiling_per_s = ceiling_rate;
  made.ratio = found.ceiling > 0 ? found.own / found.ceiling : 0;
  made.ratio_of = "rate_per_s / without_projection_per_s";
  made.set_latencies(out.latencies(), report::closed_loop);
  made.details["without_projection_per_s"] = found.ceiling;
  with_it.check(projection, made);
  with_it.close();
  without.close();
  return made;
}

report run_lag(session& at) {
  const auto with = settings_of(at.asked, 550);
  const auto seconds = at.asked.seconds.value_or(default_seconds);
  row_ceiling ceiling{at, with.aggregates};
  const auto ceiling_rate = ceiling(seconds / rounds).per_second();
  rig in{at, "lag", with};
  const auto projection = in.project(cairn::projection_mode::async);
  auto peak = at.peak_per_s;
  if (!at.asked.rate && !peak) {
    outcomes unloaded;
    peak = in.run_closed(seconds / rounds, unloaded).per_second();
    unloaded.throw_if_failed();
  }
  const auto rate = at.asked.rate ? *at.asked.rate : *peak / 2;
  outcomes
      unrecorded; // the first build of the tables ends with a flush, which is not the lag of later
  in.catch_up(projection);
  in.generator().run_open(rate, std::chrono::duration<double>{seconds / rounds}, unrecorded);
  unrecorded.throw_if_failed();
  in.catch_up(projection);

  // From the arrival of a reply, when its commit is durable, to the visibility of its row.
  latency_histogram lags;
  std::atomic<std::uint64_t> replies = 0;
  in.generator().after_reply([&](const cairn::reply& reply) {
    if (replies.fetch_add(1, std::memory_order_relaxed) % replies_per_sample != 0)
      return;
    const auto since = clock::now();
    projection.when_visible(reply.position())
        .then([&lags, since](cairn::result<cairn::position>&& reached) {
          if (reached)
            lags.record(clock::now() - since);
        });
  });
  outcomes out;
  const auto time = in.generator().run_open(rate, std::chrono::duration<double>{seconds}, out);
  out.throw_if_failed();

  report made{.scenario = "lag"};
  made.what =
      std::string{"open loop at half the peak, a projection behind the log; latency from the "
                  "reply to the visible row; "}
      + ceiling_note;
  made.target = "p99 at most 10 ms";
  made.options = options_of(with, seconds);
  made.options.erase("in_flight");
  made.options["rate"] = rate;
  made.rate_per_s = measured{out.succeeded(), time}.per_second();
  made.set_ceiling(ceiling_rate);
  in.check(projection, made);
  made.set_latencies(lags, report::open_loop);
  made.details["samples"] = out.succeeded() / replies_per_sample;
  made.details["max_us"] = lags.quantile_us(1);
  in.close();
  return made;
}

} // namespace bench
