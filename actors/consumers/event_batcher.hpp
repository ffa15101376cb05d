#pragma once

#include "consumers/consumer_environment.hpp"
#include "consumers/event_source.hpp"
#include "consumers/event_target.hpp"

#include <cairn/appended_events.hpp>
#include <cairn/event_buffer.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace cairn::detail {

/// The event that could not be applied. Of one that could not be read, only the position is known.
struct failed_event {
  cairn::position position{};
  cairn::version version{};
  std::uint64_t type = 0;
  std::string stream;
  error why;
};

/// When a batch is committed at the latest; see also `event_target::is_full`.
struct batch_limits {
  std::size_t events = 65'536;
  std::chrono::milliseconds time{10};
};

/// How a batch ended. The events before the one that failed have been committed.
struct batch_outcome {
  std::uint64_t events = 0; ///< Applied.
  std::optional<failed_event> failed;
  /// The failure of the journal or of the target; the batch may be unfinished.
  std::optional<error> broken;
  bool source_is_broken = false; ///< It is the journal's.
};

/// Brings the events of a source to a target, batch by batch, each selected event once. One thread
/// at a time.
///
/// Events are copied before they are applied, because handlers may be slow and no replay of the log
/// waits for them.
class event_batcher {
public:
  /// `target` and `environment` must outlive it.
  event_batcher(std::unique_ptr<event_source> source, event_target& target, batch_limits limits,
                const consumer_environment& environment)
    : source_{std::move(source)}, target_{target}, limits_{limits}, environment_{environment} {}

  /// Takes in the selected events after the target's position up to position `last`, as many as one
  /// batch takes; ends early once `interrupt` is set. Those that are in `recent`, which may be
  /// null, are not read from the log, if the source selects all events.
  batch_outcome advance(cairn::position last, const std::atomic<bool>& interrupt,
                        const appended_events* recent = nullptr);

  /// The event at `position` is not to be applied, because of a decision.
  void pass_over(cairn::position position) { passed_over_.insert(position); }

  /// Every selected event up to here has been applied; the target may not have committed yet.
  cairn::position reached() const noexcept {
    return uncommitted_ ? uncommitted_->position : target_.position();
  }

  const event_source& source() const noexcept { return *source_; }

private:
  struct batch;

  bool next_copies(batch& into, cairn::position last);
  bool fill(batch& into, cairn::position last);
  bool apply_in_parallel(batch& into, const std::atomic<bool>& interrupt);
  template <class IsFull>
  bool apply_recent(batch& into, cairn::position last, const appended_events& recent,
                    const IsFull& is_full);
  template <class IsFull>
  bool apply_one(const event_view& event, batch& into, cairn::position last, const IsFull& is_full);
  template <class IsFull>
  bool apply_copies(batch& into, cairn::position last, const IsFull& is_full);
  batch_outcome finish(batch& done);

  std::unique_ptr<event_source> source_;
  event_target& target_;
  const batch_limits limits_;
  const consumer_environment& environment_;
  std::set<cairn::position, position_order> passed_over_;
  event_buffer copies_;
  std::size_t next_copy_ = 0;
  bool copies_are_fresh_ = false; // none has been applied, and the target's round has all of them
  std::optional<table_checkpoint> uncommitted_; // of a batch that the target could not commit yet
};

} // namespace cairn::detail
