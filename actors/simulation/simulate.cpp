#include "simulation/simulated_run.hpp"
#include "support/option_range.hpp"
#include "support/start_thread.hpp"

#include <atomic>
#include <iomanip>
#include <mutex>
#include <ostream>
#include <thread>
#include <vector>

namespace cairn {
namespace detail {
namespace {

void add(simulation_report& to, const simulation_report& more) {
  to.runs += more.runs;
  to.steps += more.steps;
  to.simulated_time += more.simulated_time;
  to.commands += more.commands;
  to.queries += more.queries;
  to.repetitions += more.repetitions;
  to.events += more.events;
  to.failed_commits += more.failed_commits;
  to.unknown_commits += more.unknown_commits;
  to.held_commits += more.held_commits;
  to.damaged_snapshots += more.damaged_snapshots;
  to.crashes += more.crashes;
  to.lost_commits += more.lost_commits;
  to.restarts += more.restarts;
  to.reopenings += more.reopenings;
  to.passivations += more.passivations;
  to.rehydrations += more.rehydrations;
  to.poison_events += more.poison_events;
  to.decisions += more.decisions;
  to.pauses += more.pauses;
  to.rebuilds += more.rebuilds;
}

constexpr std::uint64_t most_runs = std::uint64_t{1} << 40;
constexpr std::size_t most_of_each = 1'000'000; // clients, aggregates, commands: all in memory
constexpr std::size_t most_threads = 1'024;

// With more of them nothing would come of a run: everything fails before anything is answered.
constexpr double most_often = 0.5;
constexpr double most_a_run = 100;

result<void> check(const simulated_faults& faults) {
  return option_ranges{"simulated_faults"}
      .check("failed_commit", faults.failed_commit, 0, most_often)
      .check("unknown_commit", faults.unknown_commit, 0, most_often)
      .check("held_commit", faults.held_commit, 0, most_often)
      .check("refused_append", faults.refused_append, 0, most_often)
      .check("slow_sync", faults.slow_sync, 0, 1)
      .check("damaged_snapshot", faults.damaged_snapshot, 0, 1)
      .check("failed_rows", faults.failed_rows, 0, most_often)
      .check("crashes", faults.crashes, 0, most_a_run)
      .check("restarts", faults.restarts, 0, most_a_run)
      .check("poison_events", faults.poison_events, 0, 1)
      .check("interventions", faults.interventions, 0, most_a_run)
      .outcome();
}

result<void> check(const simulation_options& options) {
  auto own = option_ranges{"simulation_options"}
                 .check("runs", options.runs, 1, most_runs)
                 .check("clients", options.clients, 1, most_of_each)
                 .check("aggregates", options.aggregates, 1, most_of_each)
                 .check("commands", options.commands, 1, most_of_each)
                 .check("queries", options.queries, 0, 1)
                 .check("threads", options.threads, 1, most_threads)
                 .outcome();
  if (own)
    own = check(options.faults);
  if (own && options.hosting)
    own = check_options(*options.hosting);
  return own;
}

/// All runs, by as many threads as are wanted; each run is one thread's.
class simulation {
public:
  simulation(const simulation_options& options, const simulated_domain& domain)
    : options_{options}, domain_{domain} {
    total_.seed = options.seed;
  }

  simulation_report run() {
    std::vector<std::thread> threads;
    for (std::size_t i = 1; i < options_.threads; ++i)
      if (auto started = start_thread("cairn-simulate", [this] { work(); }))
        threads.push_back(*std::move(started)); // else there are fewer
    work();
    for (auto& each : threads)
      each.join();
    if (total_.failed)
      write_down(*total_.failed);
    return std::move(total_);
  }

private:
  void work() {
    for (;;) {
      const auto number = next_.fetch_add(1);
      if (number >= options_.runs || failed_)
        return;
      const auto seed = options_.seed + number;
      simulated_run run{options_, domain_, seed, false};
      run.run();
      const std::lock_guard lock{mutex_};
      const auto& ended = run.context();
      add(total_, ended.figures);
      // Whatever the order in which runs end, the sum is the same.
      total_.digest += random_source{seed ^ ended.figures.digest}.next();
      if (!ended.broken)
        continue;
      failed_ = true;
      if (!total_.failed || seed < total_.failed->seed)
        total_.failed = {.seed = seed, .what = *ended.broken, .trace = {}};
    }
  }

  /// Runs it again, and notes what happens.
  void write_down(simulation_report::failure& failed) {
    simulated_run again{options_, domain_, failed.seed, true};
    again.run();
    failed.trace = again.context().happened.text();
    if (again.context().broken != failed.what)
      failed.what += "\n(repeated, the run came out differently: decide, evolve, project or the "
                     "workload looks at something but what it is given)";
  }

  const simulation_options& options_;
  const simulated_domain& domain_;
  std::atomic<std::uint64_t> next_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  simulation_report total_;
};

} // namespace

simulation_report simulate(const simulation_options& options, const simulated_domain& domain) {
  if (auto checked = check(options); !checked) {
    simulation_report refused{.seed = options.seed};
    refused.failed = {.seed = options.seed, .what = checked.error().message(), .trace = {}};
    return refused;
  }
  return simulation{options, domain}.run();
}

std::vector<std::uint64_t> words_of(function_ref<void(capnp::AnyPointer::Builder)> write) {
  capnp::MallocMessageBuilder message;
  write(message.getRoot<capnp::AnyPointer>());
  std::vector<std::uint64_t> words;
  for (const auto& segment : message.getSegmentsForOutput()) {
    const auto* const first = reinterpret_cast<const std::uint64_t*>(segment.begin());
    words.insert(words.end(), first, first + segment.size());
  }
  return words;
}

} // namespace detail

std::ostream& operator<<(std::ostream& out, const simulation_report& report) {
  const auto flags = out.flags();
  out << report.runs << " runs from seed " << report.seed << ": " << report.commands
      << " commands, " << report.queries << " queries, " << report.repetitions << " repetitions, "
      << report.events << " events; " << report.failed_commits << " failed, "
      << report.unknown_commits << " unknown and " << report.held_commits << " held commits, "
      << report.damaged_snapshots << " damaged snapshots, " << report.crashes << " crashes ("
      << report.lost_commits << " commits lost), " << report.restarts << " restarts, "
      << report.reopenings << " reopenings, " << report.passivations << " passivations, "
      << report.rehydrations << " rehydrations; " << report.poison_events << " poison events, "
      << report.decisions << " decisions, " << report.pauses << " pauses and " << report.rebuilds
      << " rebuilds of projections; " << report.steps << " steps, "
      << std::chrono::duration_cast<std::chrono::seconds>(report.simulated_time).count()
      << " s simulated; digest " << std::hex << std::setfill('0') << std::setw(16) << report.digest
      << std::setfill(' ');
  out.flags(flags);
  if (report.failed)
    out << "\nFAILED: " << report.failed->what << "\nTo repeat it: seed " << report.failed->seed
        << ", one run.\nWhat happened (seconds, what, numbers):" << report.failed->trace;
  return out;
}

} // namespace cairn
