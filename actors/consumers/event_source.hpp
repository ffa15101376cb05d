#pragma once

#include "support/gate.hpp"

#include <cairn/event_buffer.hpp>
#include <cairn/function_ref.hpp>
#include <cairn/subscription.hpp>
#include <cairn/table_store.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

namespace cairn::detail {

/// How much `event_source::fill` copies at most.
struct fill_limits {
  std::size_t events;
  std::size_t bytes;             ///< But for one event that is larger alone.
  cairn::position last_position; ///< Beyond it nothing is copied. Of the shard that is read.

  bool reached(const event_buffer& copies) const noexcept {
    return copies.size() >= events || copies.bytes() >= bytes;
  }
};

/// Finds the events of a selection in a journal, from a position on. One thread at a time; nothing
/// of the journal is held between calls.
///
/// All that follows a log reads it through a source: feeds, subscriptions and projections. Every
/// function that reads the journal fails with `shut_down` once the gate is closed.
class event_source {
public:
  virtual ~event_source() = default;
  event_source(const event_source&) = delete;
  event_source& operator=(const event_source&) = delete;

  /// Called for each event that is copied, while the journal shows it.
  using observer = function_ref<void(const event_view&)>;

  /// Copies the next selected events to `into` until a limit is reached, nothing more is durable,
  /// or 65,536 events have been looked through, so that the caller can look at its deadline.
  /// Errors: those of `journal::replay`, `shut_down`; what lies before the damage has been copied.
  result<void> fill(
      event_buffer& into, const fill_limits& limits, const std::stop_token& interrupt,
      observer copied = [](const event_view&) {});

  /// Every selected event up to here has been copied.
  cairn::position position() const noexcept { return position_; }

  /// Whether every event of the log is selected.
  virtual bool selects_all() const noexcept { return false; }

  /// Goes on after `position` instead.
  virtual void seek(cairn::position position) = 0;

  /// Waits until the journal has events beyond `position`, or until `deadline` or `interrupt`.
  /// Errors: those of `journal::wait_beyond`.
  result<void> wait_beyond(cairn::position position, std::chrono::steady_clock::time_point deadline,
                           const std::stop_token& interrupt) const;

  /// Of the last durable event; the start of shard 0 once the gate is closed.
  cairn::position last_position() const noexcept;

  /// When the first event after `position`, selected or not, was recorded; empty: there is none, or
  /// it cannot be read.
  std::optional<std::chrono::sys_time<std::chrono::nanoseconds>>
  recorded_after(cairn::position position) const;

  /// The checkpoint after the event at `position`, selected or not. An event that cannot be read
  /// leaves no mark.
  table_checkpoint checkpoint_at(cairn::position position) const;

protected:
  event_source(const log_reader& log, gate* entrance, cairn::position after) noexcept
    : log_{log}, entrance_{entrance}, position_{after} {}

  virtual result<void> copy(event_buffer& into, const fill_limits& limits,
                            const std::stop_token& interrupt, observer copied) = 0;

  const log_reader& log_;
  gate* const entrance_; // null: the journal outlives this
  cairn::position position_;
};

/// The one place that decides how a selection is found. `entrance`, which may be null, must outlive
/// the source. Errors: `invalid_argument` (a type or a tag that cannot be one, a start beyond the
/// journal's end or in another shard than its own), those of `journal::head`.
result<std::unique_ptr<event_source>> make_event_source(const journal& events, gate* entrance,
                                                        const event_selection& selection,
                                                        subscription_start start);

/// The source of all events after `position`.
std::unique_ptr<event_source> make_log_source(const log_reader& log, cairn::position position);

/// Whether what has come to `at` was made from this journal. `what` begins the message. Errors:
/// `corrupt_journal` if not.
result<void> check_same_history(const event_source& events, const table_checkpoint& at,
                                const std::string& what);

} // namespace cairn::detail
