#pragma once

#include <cairn/detail/deadline.hpp>
#include <cairn/detail/intrusive_ptr.hpp>
#include <cairn/detail/unique_function.hpp>
#include <cairn/detail/user_code.hpp>
#include <cairn/result.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

namespace cairn {

template <class T>
class future;

namespace detail {

/// The state that a future shares with the code that settles it.
template <class T>
class future_state : public ref_counted {
public:
  using continuation = unique_function<void(result<T>&)>;

  /// Called exactly once, from any thread. Runs the continuation, if there is one, within this
  /// call.
  void settle(result<T>&& outcome) noexcept {
    outcome_.emplace(std::move(outcome));
    const auto before = phase_.exchange(phase::settled, std::memory_order_acq_rel);
    check(before != phase::settled, "a future is settled once");
    if (before == phase::continued)
      run_continuation();
  }

  bool settled() const noexcept { return phase_.load(std::memory_order_acquire) == phase::settled; }

  /// Only after `settled()`.
  result<T>& outcome() noexcept { return *outcome_; }

  /// Runs `next` when the outcome is there; within this call if it is there already.
  void continue_with(continuation next) {
    if (waiter_) {
      waiter_->continue_with(*this, std::move(next));
      return;
    }
    continuation_ = std::move(next);
    auto expected = phase::pending;
    if (!phase_.compare_exchange_strong(expected, phase::continued, std::memory_order_acq_rel))
      run_continuation();
  }

  /// Blocks until the outcome is there or `end` passes. Returns whether it is there.
  bool wait_until(std::optional<std::chrono::steady_clock::time_point> end, const char* call) {
    if (settled())
      return true;
    forbid_within(hold_up_replies, call);
    if (!waiter_) {
      auto made = std::make_shared<waiter>();
      continue_with([made](result<T>& outcome) { made->wake(outcome); });
      waiter_ = std::move(made);
    }
    return waiter_->wait_until(end);
  }

private:
  enum class phase : std::uint8_t { pending, continued, settled };

  /// A continuation may own this state (a coroutine's does), so it must not stay in it: the state
  /// may be gone with it at the end of this call.
  void run_continuation() {
    const user_code_scope inside{user_code::continuation};
    auto next = std::move(continuation_);
    next(*outcome_);
  }

  /// Made only for a future that a thread blocks on: most never are, and a mutex and a condition
  /// variable would double what a command weighs.
  struct waiter {
    void wake(result<T>& outcome) {
      const user_code_scope inside{user_code::continuation};
      continuation next;
      {
        const std::lock_guard lock{mutex};
        done = true;
        next = std::move(after);
        changed.notify_all();
      }
      if (next)
        next(outcome);
    }

    bool wait_until(std::optional<std::chrono::steady_clock::time_point> end) {
      std::unique_lock lock{mutex};
      if (!end) {
        changed.wait(lock, [this] { return done; });
        return true;
      }
      return changed.wait_until(lock, *end, [this] { return done; });
    }

    void continue_with(future_state& state, continuation next) {
      {
        const std::lock_guard lock{mutex};
        if (!done) {
          after = std::move(next);
          return;
        }
      }
      const user_code_scope inside{user_code::continuation};
      next(*state.outcome_);
    }

    std::mutex mutex;
    std::condition_variable changed;
    bool done = false;
    continuation after;
  };

  std::optional<result<T>> outcome_;
  continuation continuation_;
  std::shared_ptr<waiter> waiter_; // touched by the future's owner only
  std::atomic<phase> phase_{phase::pending};
};

template <class Outcome>
struct continuation_value {
  using type = Outcome;
};
template <class T>
struct continuation_value<result<T>> {
  using type = T;
};

} // namespace detail

/// The outcome of a command or a query in progress: a `result<T>`, taken once, by `get`, `then` or
/// `co_await`.
///
/// One owner, one thread at a time. Destroying it discards the outcome; the command still executes.
/// All functions but `valid` require that the outcome has not been taken yet: else the program
/// stops with a sentence that names the call.
///
/// A continuation (a function given to `then`, or a coroutine that `co_await` has resumed) runs on
/// the thread that settles the outcome, one of the runtime's: it must be short. It may call all
/// that does not wait for replies, events or the end of something, and take the outcome of a
/// future that is `ready`.
template <class T>
class [[nodiscard]] future {
public:
  using value_type = T;

  explicit future(detail::intrusive_ptr<detail::future_state<T>> state) noexcept
    : state_{std::move(state)} {}

  /// A future that is ready at once.
  static future settled(result<T> outcome) {
    auto state = detail::make_intrusive<detail::future_state<T>>();
    state->settle(std::move(outcome));
    return future{std::move(state)};
  }

  /// False after the outcome has been taken or the future has been moved from.
  bool valid() const noexcept { return static_cast<bool>(state_); }

  /// True if `get` would return at once.
  bool ready() const noexcept { return kept("future::ready").settled(); }

  /// Blocks until the outcome is there, and takes it. Any thread of the application may wait, and
  /// so may the handler of a subscription, which has a thread of its own. Where the runtime waits
  /// for the caller, waiting would never end: in a continuation, decide, evolve, tags,
  /// `wants_snapshot`, a query function, the destructor of a state, the handler of a projection,
  /// the clock and the log sink. There a call that had to wait stops the program; if the future is
  /// `ready`, it works there, too.
  result<T> get() {
    kept("future::get").wait_until(std::nullopt, "future::get");
    const auto state = std::move(state_);
    return std::move(state->outcome());
  }

  /// Blocks for at most `timeout`, of any duration type, as `std::future` does. Returns whether the
  /// outcome is there. What is too long for the clock, such as `milliseconds::max()`, waits for the
  /// outcome. Waits where `get` may wait; zero or less looks, and may be called anywhere.
  template <class Rep, class Period>
  bool wait_for(std::chrono::duration<Rep, Period> timeout) {
    auto& state = kept("future::wait_for");
    if (timeout <= timeout.zero())
      return state.settled();
    return state.wait_until(detail::deadline_after(timeout), "future::wait_for");
  }

  /// The same up to a time of the steady clock.
  bool wait_until(std::chrono::steady_clock::time_point deadline) {
    auto& state = kept("future::wait_until");
    if (deadline <= std::chrono::steady_clock::now())
      return state.settled();
    return state.wait_until(deadline, "future::wait_until");
  }

  /// Calls `next` with the `result<T>`: within this call if it is there already, else later on the
  /// runtime's thread that settles it. Returns a future of what `next` returns (a `result<U>` or a
  /// plain `U`), or `void` if that is `void`. `next` must not throw.
  template <class Next>
  auto then(Next next) && {
    using outcome = std::invoke_result_t<Next&, result<T>&&>;
    (void)kept("future::then");
    const auto state = std::move(state_);
    if constexpr (std::is_void_v<outcome>) {
      state->continue_with(
          [next = std::move(next)](result<T>& done) mutable noexcept { next(std::move(done)); });
    } else {
      using value = typename detail::continuation_value<outcome>::type;
      auto following = detail::make_intrusive<detail::future_state<value>>();
      state->continue_with([next = std::move(next), following](result<T>& done) mutable noexcept {
        following->settle(next(std::move(done)));
      });
      return future<value>{std::move(following)};
    }
  }

  /// `co_await`: suspends until the outcome is there and yields the `result<T>`. The coroutine
  /// resumes on the runtime's thread that settles it, in a continuation. Keep the future in a
  /// variable first:
  ///
  ///     auto opened = accounts.ask("a", open_account{.owner = name});
  ///     const auto reply = co_await opened;
  ///
  /// GCC 12 destroys a struct that is made within the `co_await` expression itself twice:
  /// `co_await accounts.ask("a", open_account{.owner = name})` frees the text in it twice.
  auto operator co_await() & noexcept { return std::move(*this).operator co_await(); }
  /// The same for a future that is moved from, or not kept (see above).
  auto operator co_await() && noexcept {
    struct awaiter {
      detail::intrusive_ptr<detail::future_state<T>> state;

      bool await_ready() const noexcept { return state->settled(); }
      void await_suspend(std::coroutine_handle<> waiting) {
        // The resumed coroutine may destroy this awaiter, so the continuation holds the state
        // itself.
        state->continue_with([waiting, kept = state](result<T>&) { waiting.resume(); });
      }
      result<T> await_resume() { return std::move(state->outcome()); }
    };
    (void)kept("operator co_await");
    return awaiter{std::move(state_)};
  }

private:
  /// The state. Stops the program if the outcome has been taken.
  detail::future_state<T>& kept(const char* call) const noexcept {
    if (!state_) [[unlikely]]
      detail::stop_use_of_taken_outcome(call);
    return *state_;
  }

  detail::intrusive_ptr<detail::future_state<T>> state_;
};

} // namespace cairn
