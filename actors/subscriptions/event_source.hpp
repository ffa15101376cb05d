#pragma once

#include <cairn/event_buffer.hpp>
#include <cairn/subscription.hpp>

#include <memory>
#include <stop_token>

namespace cairn::detail {

/// Finds the events of a selection in a journal, from a position on. One thread at a time; nothing
/// of the journal is held between calls.
class event_source {
public:
  virtual ~event_source() = default;

  /// Copies the next selected events to `into` until it is full, nothing more is durable, or so
  /// much was looked through that the caller is to look at its deadline; `wait` then returns at
  /// once. Errors: those of `journal::replay`; what lies before the damage has been copied.
  virtual result<void> fill(event_buffer& into, const std::stop_token& interrupt) = 0;

  /// Waits until `fill` may find more, or until `deadline` or `interrupt`. Errors: those of
  /// `journal::wait_beyond`.
  virtual result<void> wait(std::chrono::steady_clock::time_point deadline,
                            const std::stop_token& interrupt) const = 0;

  /// Every selected event up to here has been copied.
  virtual std::uint64_t position() const noexcept = 0;
};

/// The one place that decides how a selection is found. Errors: `invalid_argument` (a type or a
/// tag that cannot be one, an option, a start beyond the journal's end), those of `journal::head`.
result<std::unique_ptr<event_source>> make_event_source(const journal& events,
                                                        const event_selection& selection,
                                                        const subscription_options& options);

} // namespace cairn::detail
