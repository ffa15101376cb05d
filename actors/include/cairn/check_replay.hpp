#pragma once

#include <cairn/aggregate.hpp>
#include <cairn/detail/model.hpp>
#include <cairn/journal.hpp>
#include <cairn/result.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace cairn {

/// One problem that replaying a journal with this program's code has found.
struct replay_finding {
  enum class kind : std::uint8_t {
    different_state, ///< The fold up to a snapshot's version is not the snapshot's state.
    failed_event,    ///< evolve threw, or the aggregate does not list the event's type.
    damaged,         ///< The stream, or a record of it, cannot be read.
  };

  kind what;
  std::string stream;
  cairn::version version{};   ///< Of the event or the snapshot; 0 if it concerns neither.
  cairn::position position{}; ///< Of the event; 0 if it concerns none.
  std::string message;
};

std::string_view to_string(replay_finding::kind what) noexcept;

/// The report of `check_replay`: what it read, how long that took, and what it found.
struct replay_check {
  std::uint64_t aggregates = 0;             ///< Folded from their first event to their last.
  std::uint64_t events = 0;                 ///< Of those.
  std::uint64_t other_streams = 0;          ///< Not read: their types were not asked for.
  std::uint64_t compared_snapshots = 0;     ///< Their state was compared with the fold.
  std::uint64_t incomparable_snapshots = 0; ///< Damaged, or of another schema or `state_version`:
                                            ///< the program would ignore them, too.

  std::uint64_t finding_count = 0;      ///< All findings, including those not in `findings`.
  std::vector<replay_finding> findings; ///< The first `max_findings`, in the order of streams.

  /// Folding one aggregate from its first event, without its snapshot.
  std::chrono::nanoseconds median{0}, p99{0}, slowest{0};
  std::string slowest_stream;

  bool clean() const noexcept { return finding_count == 0; }
};

struct replay_check_options {
  std::size_t max_findings = 100;

  /// Called from time to time with the number of aggregates folded so far, and of all. Must not
  /// throw.
  std::function<void(std::uint64_t done, std::uint64_t all)> on_progress = {};
};

namespace detail {
result<replay_check> check_replay(const journal& events,
                                  const std::vector<std::unique_ptr<aggregate_model>>& models,
                                  const replay_check_options& options);
} // namespace detail

/// Replays a journal with this program's code. Run it before a new version is deployed, on a copy
/// of the production journal or on the journal itself, opened for reading.
///
/// Each aggregate of the types `T` is folded from its first event, as if it had no snapshot. If it
/// has one of the same schema, the fold's state at that version must equal the snapshot's. If it
/// does not, evolve has changed its meaning without a new `state_version`, or it is not pure: the
/// state of a running aggregate would depend on whether it has a snapshot.
///
/// Writes nothing. Needs memory for the name of each stream, and for one state at a time. Errors:
/// `invalid_argument` (two types have the same `type_name`), and those of
/// `event_index::visit_streams`. A problem with one aggregate is a finding, not an error.
template <aggregate... T>
  requires(sizeof...(T) > 0)
result<replay_check> check_replay(const journal& events, const replay_check_options& options = {}) {
  std::vector<std::unique_ptr<detail::aggregate_model>> models;
  (models.push_back(std::make_unique<detail::typed_model<T>>(aggregate_options{})), ...);
  return detail::check_replay(events, models, options);
}

} // namespace cairn
