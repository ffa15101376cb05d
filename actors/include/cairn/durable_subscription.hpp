#pragma once

#include <cairn/consumer_state.hpp>
#include <cairn/result.hpp>
#include <cairn/subscription.hpp>
#include <cairn/table_store.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace cairn {

namespace detail {
class durable_task;
} // namespace detail

/// What a durable subscription calls for each event: any function object that takes
/// `const event_view&`, and returns nothing or `result<void>`. An error that it returns counts as
/// an exception that it throws: the event is not handled.
///
/// The view is a copy of the event, and valid during the call only.
class durable_handler {
public:
  template <class Function>
    requires(
        std::is_invocable_v<
            Function&,
            const event_view&> && !std::is_same_v<std::remove_cvref_t<Function>, durable_handler>)
  durable_handler(Function function) {
    using returned = std::invoke_result_t<Function&, const event_view&>;
    static_assert(std::is_void_v<returned> || std::is_convertible_v<returned, result<void>>,
                  "the handler of a durable subscription returns nothing or cairn::result<void>");
    if constexpr (std::is_void_v<returned>)
      call_ = [function = std::move(function)](const event_view& event) mutable -> result<void> {
        function(event);
        return {};
      };
    else
      call_ = std::move(function);
  }

  result<void> operator()(const event_view& event) const { return call_(event); }

private:
  std::function<result<void>(const event_view&)> call_;
};

/// How a durable subscription is run. An option outside its range is refused with
/// `invalid_argument`, which names both. Times are at most a hundred years, and not negative.
struct durable_subscription_options {
  /// Where a name begins that has no checkpoint yet; an older one goes on at its checkpoint.
  subscription_start start = subscription_start::beginning();

  /// A checkpoint is taken after this many handled events (1 to 2^48), or after this time, or at
  /// the log's end.
  std::size_t max_batch_events = 1024;
  std::chrono::milliseconds max_batch_time{10};

  /// The delay between taking a checkpoint and writing it to disk. After a crash, the events that
  /// were handled since the last one on disk come again.
  std::chrono::milliseconds flush_interval{100};

  /// Attempts (at least 1) with an event whose handler fails, and the pauses between them, which
  /// double from `initial_backoff` to `max_backoff`. Then the subscription stops at the event.
  std::uint32_t max_attempts = 6;
  std::chrono::milliseconds initial_backoff{10};
  std::chrono::milliseconds max_backoff{1000};

  /// Makes these pauses instead of the subscription, for tests.
  std::function<void(std::chrono::milliseconds)> pause_between_attempts = {};
};

/// An operator's decision about an event whose handler has failed; the same as for a projection.
using subscription_decision = projection_decision;

/// What a durable subscription reports about itself.
struct durable_subscription_status {
  std::string name;
  consumer_state state = consumer_state::catching_up;
  cairn::position position{};       ///< Every selected event up to here has been handled.
  cairn::position checkpoint{};     ///< The same on disk: where it goes on after a crash.
  cairn::position head{};           ///< Of the log.
  std::uint64_t lag_events = 0;     ///< From `position` to `head`, selected or not.
  std::chrono::milliseconds lag{0}; ///< Age of the first event behind `position`.
  double rate_per_s = 0;            ///< Handled events, over the last seconds of work.
  std::optional<error> last_error;  ///< With the position of the event, if one failed.
  std::uint32_t attempts = 0;       ///< Made with that event.
};

/// A subscription with a name, whose checkpoint Cairn keeps: a handler that is called, on a thread
/// of its own, for each selected event, and that goes on after a restart where it was.
///
/// **At least once.** The checkpoint is taken after the handler has returned, for a batch of events
/// at a time, and reaches the disk a little later. So no event is left out, and those handled since
/// the last checkpoint on disk come again after a crash (none after an orderly close): a handler
/// whose effects must not happen twice compares `position` with what it has recorded beside them.
/// Events come in the order of positions, one call for each. A handler that gathers several events
/// before they take effect must not return from a call whose event it may still lose.
///
/// An event whose handler throws, or returns an error, is tried again, and then stops the
/// subscription until an operator decides: `retry`, `park` or `skip`. Decisions are recorded
/// durably, together with the checkpoint.
///
/// A handle, which closes the subscription when it is destroyed, so it must be kept: the compiler
/// warns if it is not. All functions may be called from any thread. `pause`, `retry`, `park` and
/// `skip` wait for the handler, which may wait for replies: within the handler of a durable
/// subscription, and where `future::get` must not wait, they stop the program. It may outlive the
/// runtime; then the state is `closed`, and what can fail fails with `shut_down`.
///
/// The handler may call what that of a `subscription` may, but for these four.
class [[nodiscard]] durable_subscription {
public:
  /// From `runtime::subscribe_durably`.
  explicit durable_subscription(std::shared_ptr<detail::durable_task> made) noexcept;
  durable_subscription(durable_subscription&&) noexcept;
  durable_subscription& operator=(durable_subscription&&) noexcept;
  ~durable_subscription();

  /// Ends it, writes the checkpoint, and lets go of the name: the handler is not called any more
  /// once this returns. Within any function of the application that Cairn calls (a handler, a
  /// continuation, decide, ...; not a visitor) it does not wait: the call that is going on is the
  /// last, and the name is taken until the runtime closes. Errors:
  /// `storage_full`, `io_failed`, `outcome_unknown`: the checkpoint was not written.
  result<void> close() noexcept;

  std::string_view name() const noexcept;
  /// Not by the clock, which it asks: that stops the program.
  durable_subscription_status status() const;

  /// Every selected event up to this position has been handled, and the checkpoint taken.
  cairn::position position() const noexcept;

  /// Takes no event after the batch that is running, until `resume`. Not remembered over a restart.
  void pause();
  void resume();

  // Decisions about the event at which it has stopped. Errors: `not_found` (it has not stopped at
  // an event), `storage_full`, `io_failed`, `outcome_unknown`, `shut_down`.

  /// Tries the event again, as often as at first.
  result<void> retry(std::string reason);
  /// Goes on behind the event, and keeps it on the list of those to be looked after (`parked`).
  result<void> park(std::string reason);
  /// Goes on behind the event.
  result<void> skip(std::string reason);

  /// All decisions, oldest first; they outlive restarts. Errors: those of `table_store::decisions`.
  result<std::vector<subscription_decision>> decisions() const;
  /// Those that parked an event.
  result<std::vector<subscription_decision>> parked() const;

private:
  std::shared_ptr<detail::durable_task> task_;
};

} // namespace cairn
