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

/// One thing that is wrong when a journal's events are folded by this program's code.
struct replay_finding {
  enum class kind : std::uint8_t {
    different_state, ///< The fold up to a snapshot's version is not the snapshot's state.
    failed_event,    ///< evolve threw, or the aggregate does not list the event's type.
    damaged,         ///< The stream, or a record of it, cannot be read.
  };

  kind what;
  std::string stream;
  std::uint64_t version = 0;  ///< Of the event, or of the snapshot; 0: none in particular.
  std::uint64_t position = 0; ///< Of that event; 0: none in particular.
  std::string message;
};

std::string_view to_string(replay_finding::kind what) noexcept;

/// What `check_replay` read, how long it took, and what it found.
struct replay_check {
  std::uint64_t aggregates = 0;             ///< Folded from their first event to their last.
  std::uint64_t events = 0;                 ///< Of those.
  std::uint64_t other_streams = 0;          ///< Of types that were not asked for: not looked at.
  std::uint64_t compared_snapshots = 0;     ///< Their state was compared with the fold.
  std::uint64_t incomparable_snapshots = 0; ///< Damaged, or of another schema or `state_version`:
                                            ///< the program would ignore them, too.

  std::uint64_t finding_count = 0;      ///< All of them, also those that are not kept.
  std::vector<replay_finding> findings; ///< The first `max_findings`, in the order of streams.

  /// Folding one aggregate from its first event, without its snapshot.
  std::chrono::nanoseconds median{0}, p99{0}, slowest{0};
  std::string slowest_stream;

  bool clean() const noexcept { return finding_count == 0; }
};

struct replay_check_options {
  std::size_t max_findings = 100;

  /// Called now and then with the aggregates folded so far and those in all. Must not throw.
  std::function<void(std::uint64_t done, std::uint64_t all)> on_progress = {};
};

namespace detail {
result<replay_check> check_replay(const journal& events,
                                  const std::vector<std::unique_ptr<aggregate_model>>& models,
                                  const replay_check_options& options);
} // namespace detail

/// Folds a journal through the code that this program was built from: what to do with a copy of the
/// production journal (or with the journal itself, opened for reading) before a new version is
/// deployed.
///
/// Each aggregate of the types `T` is folded from its first event, as if there were no snapshot.
/// Where there is one of the same schema, its state must be the fold's at that version: a
/// difference means that evolve has changed its meaning without `state_version` (a running
/// aggregate would then depend on whether it has a snapshot), or that it is not pure.
///
/// Writes nothing. Needs memory for the name of each stream, and one state at a time. Errors:
/// `invalid_argument` (two types of the same `type_name`), and those of
/// `event_index::visit_streams`; what concerns one aggregate is a finding instead.
template <aggregate... T>
  requires(sizeof...(T) > 0)
result<replay_check> check_replay(const journal& events, const replay_check_options& options = {}) {
  std::vector<std::unique_ptr<detail::aggregate_model>> models;
  (models.push_back(std::make_unique<detail::typed_model<T>>(aggregate_options{})), ...);
  return detail::check_replay(events, models, options);
}

} // namespace cairn
