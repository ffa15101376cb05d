#include "session.hpp"

#include "failure.hpp"
#include "load.hpp"
#include "raw_lmdb.hpp"
#include "rounds.hpp"

#include <algorithm>

#include <sys/resource.h>

/// The scenarios that send commands and queries for a while.
namespace bench {
namespace {

constexpr double default_seconds = 6;

// A ceiling is settled after this many events, and they fill the disk fast.
constexpr std::uint64_t most_ceiling_events = 1'500'000;

load::settings settings_of(const options& asked, load::settings defaults) {
  return {.aggregates = asked.aggregates.value_or(defaults.aggregates),
          .payload = asked.payload.value_or(defaults.payload),
          .in_flight = asked.in_flight.value_or(defaults.in_flight),
          .clients = asked.clients.value_or(defaults.clients),
          .queries_of_4 = defaults.queries_of_4,
          .command_ids = asked.command_ids};
}

json options_of(const load::settings& with, double seconds) {
  return {{"aggregates", with.aggregates},
          {"payload", with.payload},
          {"in_flight", with.in_flight},
          {"clients", with.clients},
          {"seconds", seconds},
          {"command_ids", with.command_ids}};
}

/// Processor time that this process has used. Beside rates, which suffer from whatever else the
/// machine does, it says what a request costs.
std::chrono::duration<double> processor_time() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return std::chrono::duration<double>{seconds(used.ru_utime) + seconds(used.ru_stime)};
}

/// What is measured, and the processor time that it took.
class metered {
public:
  template <class Run>
  measured operator()(Run&& run) {
    const auto before = processor_time();
    const auto result = run();
    used_ += processor_time() - before;
    count_ += result.count;
    return result;
  }

  double us_each() const noexcept {
    return count_ == 0 ? 0 : 1e6 * used_.count() / static_cast<double>(count_);
  }

private:
  std::chrono::duration<double> used_{0};
  std::uint64_t count_ = 0;
};

/// A load on a runtime with all aggregates resident, and a raw log beside it.
class arena {
public:
  arena(const session& at, const load::settings& with)
    : journal_{at.directory, "journal"}, raw_directory_{at.directory, "raw"},
      raw_{raw_directory_.path(), record_bytes(with.payload), with.aggregates}, load_{with},
      runtime_{open_runtime(journal_.path())} {
    const cairn::aggregate_options hosted{.max_outstanding =
                                              std::max<std::size_t>(16'384, 2 * with.in_flight)};
    load_.aim(runtime_.host<counter>(hosted).value());
    load_.activate_all();
    activated_ = runtime_.status().journal;
  }

  load& generator() noexcept { return load_; }
  raw_log& raw() noexcept { return raw_; }

  measured ceiling(double seconds) {
    return raw_.append(raw_log::commit_events, std::chrono::duration<double>{seconds},
                       most_ceiling_events);
  }

  /// Closes the runtime and notes that the journal holds one event for each command. Throws
  /// `failure` if it does not.
  void finish(report& into) {
    const auto events = runtime_.journal().last_position().number();
    const auto status = runtime_.status().journal;
    need(runtime_.close(), "closing the runtime");
    into.details["commands_sent"] = load_.commands();
    into.details["events_in_journal"] = events;
    into.details["events_per_commit"] =
        static_cast<double>(status.appended_events - activated_.appended_events)
        / static_cast<double>(std::max<std::uint64_t>(1, status.commits - activated_.commits));
    if (events != load_.commands()) {
      throw failure{std::to_string(load_.commands())
                    + " commands were accepted and the journal has " + std::to_string(events)
                    + " events"};
    }
  }

private:
  scratch_directory journal_;
  scratch_directory raw_directory_;
  raw_log raw_;
  load load_;
  cairn::runtime runtime_;
  cairn::journal_status activated_;
};

/// `share_of_commands`: how many of the requests need an append; the ceiling counts requests, of
/// which the others cost it nothing.
report run_closed(session& at, const char* name, const load::settings& defaults) {
  const auto with = settings_of(at.asked, defaults);
  const auto seconds = at.asked.seconds.value_or(default_seconds);
  const auto slice = seconds / rounds;
  const auto share_of_commands = (4.0 - with.queries_of_4) / 4.0;
  arena in{at, with};
  outcomes out;
  const auto own = [&] {
    const auto before = out.succeeded();
    const auto time = in.generator().run_closed(std::chrono::duration<double>{slice}, out);
    return measured{out.succeeded() - before, time};
  };
  metered own_cost;
  metered ceiling_cost;
  const auto found = alternate([&] { return own_cost(own); },
                               [&] { return ceiling_cost([&] { return in.ceiling(slice); }); });
  out.throw_if_failed();

  report made{.scenario = name};
  made.options = options_of(with, seconds);
  made.rate_per_s = found.own;
  made.set_ceiling(found.ceiling / share_of_commands);
  made.set_latencies(out.latencies(), report::closed_loop);
  made.details["record_bytes"] = record_bytes(with.payload);
  made.details["processor_us_per_request"] = own_cost.us_each();
  made.details["ceiling_processor_us_per_event"] = ceiling_cost.us_each();
  made.details["answered"] = out.succeeded();
  in.finish(made);
  return made;
}

constexpr const char* closed_loop_note =
    "closed loop, latency from sending; ceiling: raw LMDB appends of records of the same size, "
    "4,096 a commit, heads flushed every 262,144";

} // namespace

report run_commands(session& at) {
  auto made = run_closed(
      at, "commands", {.aggregates = 100'000, .payload = 550, .in_flight = 16'384, .clients = 1});
  made.what = closed_loop_note;
  made.target = "ratio at least 0.5, and more than 220,000/s";
  at.peak_per_s = made.rate_per_s;
  return made;
}

report run_hot(session& at) {
  auto made =
      run_closed(at, "hot", {.aggregates = 1, .payload = 192, .in_flight = 16'384, .clients = 1});
  made.what = closed_loop_note;
  made.target = "ratio at least 0.8";
  return made;
}

report run_mixed(session& at) {
  auto made = run_closed(at, "mixed",
                         {.aggregates = 100'000,
                          .payload = 550,
                          .in_flight = 16'384,
                          .clients = 1,
                          .queries_of_4 = 3});
  made.what = "closed loop, 75 % queries; latency and ceiling as for commands, which the ceiling's "
              "queries cost nothing";
  made.details["queries"] = 0.75;
  return made;
}

report run_open_loop(session& at) {
  const auto with = settings_of(
      at.asked, {.aggregates = 100'000, .payload = 550, .in_flight = 16'384, .clients = 1});
  const auto seconds = at.asked.seconds.value_or(1.5 * default_seconds);
  arena in{at, with};
  std::vector<double> ceilings{in.ceiling(seconds / rounds).per_second()};
  auto peak = at.peak_per_s;
  if (!at.asked.rate && !peak) {
    outcomes unloaded;
    const auto time =
        in.generator().run_closed(std::chrono::duration<double>{seconds / rounds}, unloaded);
    unloaded.throw_if_failed();
    peak = measured{unloaded.succeeded(), time}.per_second();
  }
  const auto rate = at.asked.rate ? *at.asked.rate : *peak / 2;
  outcomes out;
  const auto time = in.generator().run_open(rate, std::chrono::duration<double>{seconds}, out);
  ceilings.push_back(in.ceiling(seconds / rounds).per_second());
  out.throw_if_failed();

  report made{.scenario = "open-loop"};
  made.what = "open loop at a fixed rate, latency from the time of the schedule; ceiling as for "
              "commands";
  made.target = "p99.9 at most 25 ms";
  made.options = options_of(with, seconds);
  made.options.erase("in_flight");
  made.options["rate"] = rate;
  made.rate_per_s = measured{out.succeeded(), time}.per_second();
  made.set_ceiling(median(ceilings));
  made.set_latencies(out.latencies(), report::open_loop);
  if (peak)
    made.details["peak_per_s"] = *peak;
  made.details["answered"] = out.succeeded();
  made.details["max_us"] = out.latencies().quantile_us(1);
  in.finish(made);
  return made;
}

report run_latency(session& at) {
  const auto with =
      settings_of(at.asked, {.aggregates = 1'000, .payload = 550, .in_flight = 1, .clients = 1});
  const auto seconds = at.asked.seconds.value_or(default_seconds / 2);
  const std::chrono::duration<double> slice{seconds / rounds};
  arena in{at, with};
  outcomes out;
  latency_histogram commits;
  const auto own = [&] {
    const auto before = out.succeeded();
    const auto time = in.generator().run_single(slice, out);
    return measured{out.succeeded() - before, time};
  };
  const auto found =
      alternate(own, [&] { return in.raw().append(1, slice, most_ceiling_events, &commits); });
  out.throw_if_failed();

  report made{.scenario = "latency"};
  made.what = "one command in flight, awaited by a blocking get; ceiling: a synced LMDB commit of "
              "one record of the same size";
  made.target = "p50 at most 1.5 times the ceiling's";
  made.options = options_of(with, seconds);
  made.rate_per_s = found.own;
  made.ceiling_per_s = found.ceiling;
  made.set_latencies(out.latencies(), report::closed_loop);
  made.ratio_of = "p50_us / ceiling_p50_us";
  const auto ceiling_p50 = commits.quantile_us(0.5);
  made.ratio = ceiling_p50 > 0 ? *made.p50_us / ceiling_p50 : 0;
  made.details["ceiling_p50_us"] = ceiling_p50;
  made.details["ceiling_p99_us"] = commits.quantile_us(0.99);
  made.details["answered"] = out.succeeded();
  in.finish(made);
  return made;
}

} // namespace bench
