#pragma once

#include <bit>
#include <cstdint>

namespace cairn::detail {

/// The functions of an application that Cairn calls, and that hold something up meanwhile. A
/// visitor is none of them: nothing is held while it runs, and it may call anything.
///
/// One may be called within another. Of those that forbid a call, the first in this order is named.
enum class user_code : std::uint8_t {
  log_sink,
  clock,
  continuation, ///< Of `future::then`, or a coroutine that `co_await` has resumed.
  project,
  decide,
  evolve,
  tags,
  query,
  wants_snapshot,
  handler,
  durable_handler,
  state, ///< The copy or destructor of a state, or of what a request holds.
};

/// Several of them.
class user_code_set {
public:
  template <class... Places>
  static constexpr user_code_set of(Places... places) noexcept {
    return user_code_set{((1U << static_cast<unsigned>(places)) | ...)};
  }
  constexpr user_code_set operator|(user_code_set other) const noexcept {
    return user_code_set{bits_ | other.bits_};
  }
  constexpr user_code_set operator&(user_code_set other) const noexcept {
    return user_code_set{bits_ & other.bits_};
  }
  constexpr bool empty() const noexcept { return bits_ == 0; }
  /// Requires that it is not `empty`.
  constexpr user_code first() const noexcept {
    return static_cast<user_code>(std::countr_zero(bits_));
  }

  static constexpr user_code_set none() noexcept { return user_code_set{0}; }

private:
  explicit constexpr user_code_set(unsigned bits) noexcept : bits_{bits} {}
  unsigned bits_;
};

/// Says that this thread is within a function of the application, until it is destroyed. Costs two
/// stores in thread-local memory.
class user_code_scope {
public:
  explicit user_code_scope(user_code place) noexcept : before_{current_} { change_to(place); }
  ~user_code_scope() { current_ = before_; }
  user_code_scope(const user_code_scope&) = delete;
  user_code_scope& operator=(const user_code_scope&) = delete;

  /// It is another function now.
  void change_to(user_code place) noexcept { current_ = before_ | user_code_set::of(place); }

  /// All that this thread is within.
  static user_code_set current() noexcept { return current_; }

private:
  static inline constinit thread_local user_code_set current_ = user_code_set::none();
  const user_code_set before_;
};

/// Stops the program with one sentence on stderr that names the call and where it was made.
[[noreturn]] void stop_forbidden_call(const char* call, user_code place) noexcept;

/// Stops the program with one sentence on stderr that names the call: it was made on a future whose
/// outcome has been taken, or that has been moved from.
[[noreturn]] void stop_use_of_taken_outcome(const char* call) noexcept;

/// Stops the program if this thread is within one of `places`, where `call` could wait for ever.
inline void forbid_within(user_code_set places, const char* call) noexcept {
  if (const auto met = user_code_scope::current() & places; !met.empty()) [[unlikely]]
    stop_forbidden_call(call, met.first());
}

// Which call is forbidden where follows from what it waits for.

/// Functions on the threads that give aggregates their turns: if they waited, other aggregates
/// would wait for a thread.
inline constexpr auto turns_of_aggregates =
    user_code_set::of(user_code::decide, user_code::evolve, user_code::tags, user_code::query,
                      user_code::wants_snapshot, user_code::state);

/// Functions that may be called by any thread, whatever it holds.
inline constexpr auto called_anywhere = user_code_set::of(user_code::clock, user_code::log_sink);

/// For what waits for the batch of a projection, or for its start.
inline constexpr auto hold_up_projections = user_code_set::of(user_code::project) | called_anywhere;

/// For what waits for replies, events or rows.
inline constexpr auto hold_up_replies =
    turns_of_aggregates | user_code_set::of(user_code::continuation) | hold_up_projections;

/// For what waits for the handler of a durable subscription, which may wait for replies.
inline constexpr auto hold_up_durable_handlers =
    hold_up_replies | user_code_set::of(user_code::durable_handler);

/// For what waits for the end of a subscription, or of all there is.
inline constexpr auto hold_up_the_end =
    hold_up_durable_handlers | user_code_set::of(user_code::handler);

/// For what reads the application's clock.
inline constexpr auto ask_the_clock = user_code_set::of(user_code::clock);

/// For what reads events: evolve is called while they are read.
inline constexpr auto read_events = user_code_set::of(user_code::evolve);

} // namespace cairn::detail
