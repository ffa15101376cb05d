#pragma once

#include <cairn/ids.hpp>
#include <cairn/journal.hpp>
#include <cairn/result.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>

namespace cairn {

namespace detail {
class feed;
class subscription_task;
} // namespace detail

/// Selects the events to follow.
class event_selection {
public:
  struct everything {};
  struct aggregate_type {
    std::string name;
  };
  struct one_stream {
    stream_id id;
  };
  struct one_tag {
    std::string name;
  };
  using kind = std::variant<everything, aggregate_type, one_stream, one_tag>;

  static event_selection all() { return event_selection{everything{}}; }
  /// The events of all aggregates of a type.
  static event_selection of_type(std::string name) {
    return event_selection{aggregate_type{std::move(name)}};
  }
  /// The events of one aggregate. Past events are found by the stream's own back pointers, so the
  /// cost depends on the length of the stream, not of the log.
  static event_selection of_stream(stream_id id) {
    return event_selection{one_stream{std::move(id)}};
  }
  /// The events with a tag, found by the journal's index of tags.
  static event_selection tagged(std::string tag) {
    return event_selection{one_tag{std::move(tag)}};
  }

  const kind& what() const noexcept { return what_; }

private:
  explicit event_selection(kind what) : what_{std::move(what)} {}

  kind what_;
};

/// Where to begin in the log.
class subscription_start {
public:
  static constexpr subscription_start beginning() noexcept { return after(cairn::position{}); }
  /// After this position: usually what `position()` returned when the last event was handled.
  /// `position::max()` is the same as `now`.
  static constexpr subscription_start after(cairn::position position) noexcept {
    return subscription_start{position};
  }
  /// After the last event that is durable when the subscription is made.
  static constexpr subscription_start now() noexcept { return after(now_); }

  constexpr bool is_now() const noexcept { return position_ == now_; }
  constexpr cairn::position position() const noexcept { return position_; }

private:
  static constexpr cairn::position now_ = cairn::position::max();
  explicit constexpr subscription_start(cairn::position position) noexcept : position_{position} {}

  cairn::position position_;
};

/// Options of a subscription or a feed.
struct subscription_options {
  subscription_start start = subscription_start::beginning();

  /// Limits of a batch: 1 to 2^24 events, 1 byte to 1 GiB. Events are copied out of the journal
  /// before they are handled, so that a slow handler does not keep LMDB from reusing pages. An
  /// event larger than `max_batch_bytes` makes a batch of its own. A number outside its range is
  /// refused with `invalid_argument`, which names both.
  std::size_t max_batch_events = 1024;
  std::size_t max_batch_bytes = std::size_t{256} << 10;

  /// Called once, on the subscription's thread, if an error ends it. Must not throw. Feeds ignore
  /// it: their `next` returns the error.
  std::function<void(const error&)> on_failure = {};
};

/// Events by pull: the caller asks for the next ones at its own pace.
///
/// Past and live events arrive in one sequence, in the order of positions, each selected event
/// exactly once. One thread at a time, except where noted. A feed may outlive the runtime; then
/// `next` fails with `shut_down`.
class [[nodiscard]] event_feed {
public:
  /// From `runtime::follow`.
  explicit event_feed(std::unique_ptr<detail::feed> made) noexcept;
  event_feed(event_feed&&) noexcept;
  event_feed& operator=(event_feed&&) noexcept;
  /// Not within its visitor: that stops the program.
  ~event_feed();

  /// Waits until there is at least one event, or until `deadline`, and calls `visitor` for the next
  /// ones, up to a batch, until it returns `visit_result::stop`; the next call begins after the
  /// last event visited. The views point to copies, so the visitor may take its time; they are
  /// valid only during its call.
  ///
  /// Returns the number of events visited; 0 if `deadline` passed or `interrupt` was called first.
  /// The deadline is checked every 65,536 scanned events; the next call resumes there. If the
  /// journal has stopped and cannot be read, it waits up to the deadline for `runtime::reopen`.
  /// It may wait where `future::get` may; elsewhere a call whose deadline has not passed stops the
  /// program, as does a call within its own visitor. The visitor may call anything else.
  /// Errors: those of `journal::replay_all` (the events before the damage have been visited; the
  /// next call fails again), `shut_down`. An exception of the visitor passes through, except that
  /// `kj::Exception` becomes `corrupt_record`; the event it threw at counts as visited.
  result<std::size_t> next(event_visitor visitor, std::chrono::steady_clock::time_point deadline =
                                                      std::chrono::steady_clock::time_point::max());

  /// Every selected event up to this position has been visited: pass it to
  /// `subscription_start::after` to continue later. It also advances over events that are not
  /// selected. Safe from any thread.
  cairn::position position() const noexcept;

  /// Ends the current wait, and every later one at once. Safe from any thread.
  void interrupt() noexcept;

private:
  std::unique_ptr<detail::feed> feed_;
};

/// Events by push: a handler is called for each of them, on a thread of the subscription's own.
///
/// Past and live events arrive in one sequence, in the order of positions, one at a time, each
/// selected event exactly once. A slow handler delays only its own subscription. Destroying this
/// handle closes the subscription, so it must be kept: the compiler warns if it is not. All
/// functions are safe from any thread.
///
/// The handler may call all functions of the interface but those that wait for the end of
/// something: `wait`, and `close` and `reopen` of a runtime, which stop the program there.
class [[nodiscard]] subscription {
public:
  /// From `runtime::subscribe` and `aggregates::subscribe`.
  explicit subscription(std::shared_ptr<detail::subscription_task> made) noexcept;
  subscription(subscription&&) noexcept;
  subscription& operator=(subscription&&) noexcept;
  ~subscription();

  /// Ends it: once this returns, the handler is not called any more. Within any function of the
  /// application that Cairn calls (a handler, of this subscription or another, a continuation,
  /// decide, ...; not a visitor) it does not wait: the call in progress is then the last.
  void close() noexcept;

  /// True until it is closed, or ended by an error or by the runtime's end.
  bool active() const noexcept;

  /// Every selected event up to this position has been handled: pass it to
  /// `subscription_start::after` to continue later.
  cairn::position position() const noexcept;

  /// Blocks until it has ended. Within a function of the application that Cairn calls (but a
  /// visitor) it stops the program. Returns the error that ended it:
  /// - `handler_failed`: the handler threw. Carries the position of the event, which counts as not
  ///   handled;
  /// - `corrupt_record`: the handler threw `kj::Exception`, which reading a damaged payload does.
  ///   Carries the position, too;
  /// - `evolve_failed`: the aggregate does not list the event's type;
  /// - those of `journal::replay_all`: the events before the damage have been handled.
  result<void> wait() const;

private:
  std::shared_ptr<detail::subscription_task> task_;
};

/// Combines several functions into one handler: `overloaded{[](...) {...}, [](...) {...}}`.
template <class... Functions>
struct overloaded : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
overloaded(Functions...) -> overloaded<Functions...>;

} // namespace cairn
