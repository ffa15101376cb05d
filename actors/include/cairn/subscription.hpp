#pragma once

#include <cairn/ids.hpp>
#include <cairn/journal.hpp>
#include <cairn/result.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <variant>

namespace cairn {

namespace detail {
class feed;
class subscription_task;
} // namespace detail

/// Which events to follow.
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
  /// Those of all aggregates of a type.
  static event_selection of_type(std::string name) {
    return event_selection{aggregate_type{std::move(name)}};
  }
  /// Those of one aggregate. What came before is found by the stream's own back pointers, so it
  /// costs what the stream is long, however long the log.
  static event_selection of_stream(stream_id id) {
    return event_selection{one_stream{std::move(id)}};
  }
  /// Those that carry a tag, found by the journal's index of tags.
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
  static constexpr subscription_start beginning() noexcept { return subscription_start{0}; }
  /// After this position: that of the last event which was handled, as `position()` told.
  static constexpr subscription_start after(std::uint64_t position) noexcept {
    return subscription_start{position};
  }
  /// After what is durable when the subscription is made.
  static constexpr subscription_start now() noexcept { return subscription_start{now_}; }

  constexpr bool is_now() const noexcept { return position_ == now_; }
  constexpr std::uint64_t position() const noexcept { return position_; }

private:
  static constexpr std::uint64_t now_ = std::numeric_limits<std::uint64_t>::max();
  explicit constexpr subscription_start(std::uint64_t position) noexcept : position_{position} {}

  std::uint64_t position_;
};

/// How events are followed.
struct subscription_options {
  subscription_start start = subscription_start::beginning();

  /// Events are copied out of the journal in batches, so that a handler never holds up the
  /// reclaiming of pages: at most so many, and, but for one larger than that alone, so many bytes.
  std::size_t max_batch_events = 1024;
  std::size_t max_batch_bytes = std::size_t{256} << 10;

  /// Called once, on the subscription's thread, if it ends by an error. Must not throw. Not for
  /// feeds, whose `next` returns the error.
  std::function<void(const error&)> on_failure = {};
};

/// Events by pull: the caller asks for them, at its own pace.
///
/// What was there before and what comes later arrive in one sequence, in the order of positions,
/// each selected event exactly once. One thread at a time, except where noted. May outlive the
/// runtime; then `next` fails with `shut_down`.
class event_feed {
public:
  /// From `runtime::follow`.
  explicit event_feed(std::unique_ptr<detail::feed> made) noexcept;
  event_feed(event_feed&&) noexcept;
  event_feed& operator=(event_feed&&) noexcept;
  ~event_feed();

  /// Waits until there is at least one event, or until `deadline`, and calls `visitor` for the
  /// next ones, up to a batch, until it says `visit::stop`; those that it has not seen come with
  /// the next call. The views are copies: the visitor may take its time, and they are valid during
  /// its call only.
  ///
  /// Returns how many were visited; 0: the deadline came first, or `interrupt`. The deadline is
  /// looked at each time that some ten thousands of events were looked through and none was
  /// selected; the next call goes on where this one has come to. Errors: those of
  /// `journal::replay_all` (what came before the damage has been visited; the next call meets it
  /// again), `shut_down`. What the visitor throws passes through, except that `kj::Exception`
  /// becomes `corrupt_record`; the event that it threw at counts as visited.
  result<std::size_t> next(event_visitor visitor, std::chrono::steady_clock::time_point deadline =
                                                      std::chrono::steady_clock::time_point::max());

  /// Every selected event up to this position has been visited: where to begin another time. It
  /// moves on also over events that are not selected. Any thread.
  std::uint64_t position() const noexcept;

  /// Ends the wait that is going on, and every later one at once. Any thread.
  void interrupt() noexcept;

private:
  std::unique_ptr<detail::feed> feed_;
};

/// Events by push: a handler that is called, on a thread of its own, for each of them.
///
/// What was there before and what comes later arrive in one sequence, in the order of positions,
/// each selected event exactly once, one at a time. A handler that is slow slows this subscription
/// and nothing else. A handle: closes the subscription when it is destroyed. All functions may be
/// called from any thread.
class subscription {
public:
  /// From `runtime::subscribe` and `aggregates::subscribe`.
  explicit subscription(std::shared_ptr<detail::subscription_task> made) noexcept;
  subscription(subscription&&) noexcept;
  subscription& operator=(subscription&&) noexcept;
  ~subscription();

  /// Ends it: the handler is not called any more once this returns. From within the handler of a
  /// subscription, this one or another, it does not wait: then a call that is going on is the
  /// last.
  void close() noexcept;

  /// Whether it is still running: neither closed, nor ended by an error, nor by the runtime's end.
  bool active() const noexcept;

  /// Every selected event up to this position has been handled: where to begin another time.
  std::uint64_t position() const noexcept;

  /// Waits until it has ended. Not from within its handler. Errors: what ended it:
  /// - `handler_failed`: the handler threw; carries the position of the event, which counts as not
  ///   handled. So does `corrupt_record`, if it threw `kj::Exception`: that is what reading a
  ///   damaged payload throws;
  /// - `evolve_failed`: an event of a type that the aggregate does not list;
  /// - those of `journal::replay_all`: what came before the damage has been handled.
  result<void> wait() const;

private:
  std::shared_ptr<detail::subscription_task> task_;
};

/// Several functions as one handler: `overloaded{[](...) {...}, [](...) {...}}`.
template <class... Functions>
struct overloaded : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
overloaded(Functions...) -> overloaded<Functions...>;

} // namespace cairn
