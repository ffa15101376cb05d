#pragma once

#include <cairn/aggregates.hpp>
#include <cairn/detail/simulated_types.hpp>
#include <cairn/projection.hpp>
#include <cairn/random_source.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

/// Deterministic simulation: the whole runtime (directory, aggregates with their deduplication,
/// passivation and snapshots, journal, projections) on one thread, with a clock that is only a
/// number, and a store that fails and crashes as a seed decides. The same seed repeats the same
/// failure. The method is that of FoundationDB and TigerBeetle.
///
///     TEST_CASE("carts survive whatever the store does") {
///       const auto report = cairn::simulate<shopping_cart, best_sellers>(
///           {.runs = 2'000},
///           {.command = [](cairn::random_source& random) -> shopping_cart::command {
///              if (random.chance(0.1))
///                return check_out{};
///              return add_item{.sku = "sku-" + std::to_string(random.below(5))};
///            },
///            .invariant = [](const cart_state& cart) -> std::optional<std::string> {
///              return cart.items.size() > 5 ? std::optional{"too many lines"} : std::nullopt;
///            }});
///       CHECK_MESSAGE(report.passed(), report);
///     }
///
/// In each run a few clients send commands and queries, some at once and some when answered, and
/// repeat what failed or got lost under the same command id. Meanwhile appends fail, or end
/// unknown, the process crashes with whatever was not durable, or is closed, and is opened again.
/// Projections meet events that their handlers fail for, a few times or for ever. An operator
/// decides about those that have stopped, pauses others, and has them rebuilt; programs with raised
/// versions are started. Each run is then checked:
/// - what was acknowledged is durable, at the version and position that the reply named, and was so
///   before the reply left;
/// - streams have versions, the journal positions without gaps;
/// - no command had its effect twice, and none that was said to have had no effect has one;
/// - commands and queries of an aggregate are linearizable: each reply is what `decide`, or the
///   state, gives at the version it names, and a request sent after a reply sees what that saw;
/// - each projection's rows are the fold of the journal up to their position, less what decisions
///   on record have parked or skipped; inline rows are there when the reply is;
/// - what the operator has decided stays on record, and nothing else does;
/// - subscriptions see each event once, in order;
/// - the application's own invariants hold;
/// - everything is answered, and closing comes to its end.
namespace cairn {

/// What may go wrong, and how often: each number is a probability per opportunity, unless it says
/// otherwise. So that something comes of a run, what keeps commands from being answered is at most
/// 0.5, and what happens so often per run at most 100.
struct simulated_faults {
  /// A commit writes nothing, and its callers are told so.
  double failed_commit = 0.04;
  /// A commit is written or not, and nobody is told which. Half of them stop the journal, which
  /// must then be opened again: in place, or by the next process.
  double unknown_commit = 0.04;
  /// The journal does not know itself whether a commit was written, but can find out: it holds the
  /// replies until it knows, up to two seconds. Readers see what was written before the callers
  /// hear of it.
  double held_commit = 0.02;
  /// The journal's queue is full, for one append.
  double refused_append = 0.01;
  /// A commit takes a thousand times as long.
  double slow_sync = 0.05;
  /// A snapshot is damaged when it is read.
  double damaged_snapshot = 0.10;
  /// The rows of a projection cannot be written at the moment.
  double failed_rows = 0.05;
  /// Crashes per run, on average. Commits are atomic: one under way survives or does not.
  double crashes = 1.0;
  /// Orderly restarts per run, on average.
  double restarts = 0.5;
  /// A projection's handler fails for an event: a few times, for some time, or for ever.
  double poison_events = 0.01;
  /// Interventions per run, on average: a projection is paused, or rebuilt, or returns with a
  /// raised version after the next opening.
  double interventions = 2.0;

  static constexpr simulated_faults none() noexcept { return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}; }
};

/// What is simulated. With a number outside its range nothing runs: `simulation_report::failed`
/// names it and the range.
struct simulation_options {
  std::uint64_t seed = 1;     ///< Seed of the first run; each run takes the next number.
  std::uint64_t runs = 1'000; ///< At least 1.
  std::size_t clients = 3;    ///< At least 1, as the next two; at most a million each.
  std::size_t aggregates = 3; ///< Aggregates of each type that a client chooses from.
  std::size_t commands = 40;  ///< Commands and queries per run, of all clients together.
  double queries = 0.25;      ///< The share of queries among them.
  simulated_faults faults{};
  /// How the aggregates are kept. If empty, each run draws its own, with short times and low
  /// bounds, so that snapshots, passivations and full windows occur.
  std::optional<aggregate_options> hosting{};
  /// Number of runs at a time, each on a thread of its own, which call the workload's functions
  /// concurrently: 1 to 1,024. Fewer if the machine has no threads to give.
  std::size_t threads = 1;
};

/// What the clients do, and what must hold. The functions are pure except for the numbers that they
/// draw. If one throws, the run has failed.
template <aggregate T>
struct workload {
  /// Returns the next command. All randomness must come from the source.
  std::function<typename T::command(random_source&)> command;
  /// Chooses the aggregate; default: uniformly one of `simulation_options::aggregates`.
  std::function<std::string(random_source&)> id = {};
  /// Returns a description if the state of an aggregate breaks the invariant.
  std::function<std::optional<std::string>(const typename T::state&)> invariant = {};
  /// Returns a description if the rows of a projection, as of one position, break an invariant.
  std::function<std::optional<std::string>(std::string_view projection, const table_view&)> rows =
      {};
};

/// What happened in all runs together.
struct simulation_report {
  std::uint64_t seed = 0; ///< Of the first run.
  std::uint64_t runs = 0;
  std::uint64_t steps = 0; ///< How often the seed chose what runs next.
  std::chrono::nanoseconds simulated_time{0};
  std::uint64_t commands = 0; ///< Accepted or rejected.
  std::uint64_t queries = 0;  ///< Answered.
  std::uint64_t repetitions = 0;
  std::uint64_t events = 0; ///< Durable at the end.
  std::uint64_t failed_commits = 0;
  std::uint64_t unknown_commits = 0;
  std::uint64_t held_commits = 0;
  std::uint64_t damaged_snapshots = 0;
  std::uint64_t crashes = 0;
  std::uint64_t lost_commits = 0; ///< Under way in a crash, and not survived.
  std::uint64_t restarts = 0;
  std::uint64_t reopenings = 0; ///< In place, of a journal that had stopped.
  std::uint64_t passivations = 0;
  std::uint64_t rehydrations = 0;
  std::uint64_t poison_events = 0;
  std::uint64_t decisions = 0; ///< To retry, to park or to skip an event.
  std::uint64_t pauses = 0;    ///< Of projections.
  std::uint64_t rebuilds = 0;  ///< Of projections; raised versions included.

  /// A hash of everything that happened, in order: the same seed gives the same digest in every
  /// process. If a run failed and there are several threads, it depends on which runs had begun.
  std::uint64_t digest = 0;

  /// A run that broke a promise.
  struct failure {
    std::uint64_t seed = 0; ///< `{.seed = this, .runs = 1}` and the other options repeat it.
    std::string what;
    std::string trace; ///< What happened in it, a line each.
  };
  std::optional<failure> failed{}; ///< The one with the smallest seed; no run begins after it.

  bool passed() const noexcept { return !failed; }
};

/// Prints the figures in a line, and a failure with its trace and how to repeat it.
std::ostream& operator<<(std::ostream& out, const simulation_report& report);

namespace detail {

simulation_report simulate(const simulation_options& options, const simulated_domain& domain);

template <class T>
struct workloads;
template <aggregate... Ts>
struct workloads<std::tuple<Ts...>> {
  using type = std::tuple<workload<Ts>...>;
};
template <class Types>
using workloads_of = typename workloads<Types>::type;

template <class T>
concept tuple_of_aggregates = std::tuple_size<T>::value >
0 && requires {
  typename workloads_of<T>;
};

template <aggregate... Ts>
void add_types(simulated_domain& domain, std::tuple<workload<Ts>...> work) {
  std::apply(
      [&](auto&... each) {
        (domain.types.push_back(
             std::make_unique<typed_simulated_type<Ts, workload<Ts>>>(std::move(each))),
         ...);
      },
      work);
}

} // namespace detail

template <detail::tuple_of_aggregates Types, projection_definition... Projections>
simulation_report simulate(const simulation_options& options, detail::workloads_of<Types> work);

/// Runs the simulation of aggregates of type `T` with these projections, each of which follows the
/// log or is inline, as the seed decides. Needs no file and no network; leaves nothing behind.
template <aggregate T, projection_definition... Projections>
simulation_report simulate(const simulation_options& options, workload<T> work) {
  return simulate<std::tuple<T>, Projections...>(options, {std::move(work)});
}

/// The same with several aggregate types in one journal, each with its workload:
///
///     cairn::simulate<std::tuple<shopping_cart, customer>, best_sellers>(
///         {.runs = 2'000}, {carts(), {.command = next_customer_command}});
template <detail::tuple_of_aggregates Types, projection_definition... Projections>
simulation_report simulate(const simulation_options& options, detail::workloads_of<Types> work) {
  detail::simulated_domain domain;
  detail::add_types(domain, std::move(work));
  (domain.projections.push_back(
       std::make_unique<detail::typed_simulated_projection<Projections>>()),
   ...);
  return detail::simulate(options, domain);
}

} // namespace cairn
