#pragma once

#include <cairn/function_ref.hpp>
#include <cairn/future.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

namespace cairn::detail {

/// Those who wait until a projection has reached a position. Any thread; continuations run in the
/// thread that brings the news, without a lock.
class position_waiters {
public:
  using time_point = std::chrono::steady_clock::time_point;
  using state_ptr = intrusive_ptr<future_state<std::uint64_t>>;

  future<std::uint64_t> add(std::uint64_t position, time_point deadline);

  /// Settles those who wait for `position` or less; it never goes back. If there is what has
  /// stopped the projection, the others fail with it, and those who come, until there is none.
  /// `stopped` is asked under the lock, so that no older news overtakes newer.
  void update(std::uint64_t position, function_ref<std::optional<error>()> stopped);

  /// Fails all with `why`, and those who come, for good.
  void close(const error& why);

  std::size_t waiting() const;

  /// Fails those whose deadline has passed; returns the next one (or `time_point::max()`).
  time_point expire(time_point now);

private:
  struct waiter;
  using by_position = std::multimap<std::uint64_t, waiter>;
  using by_deadline = std::multimap<time_point, by_position::iterator>;
  struct waiter {
    state_ptr state;
    std::optional<by_deadline::iterator> deadline;
  };

  void forget_deadline(const waiter& of);

  mutable std::mutex mutex_;
  by_position waiting_;
  by_deadline deadlines_; // of those in `waiting_` that have one
  std::uint64_t reached_ = 0;
  std::optional<error> stopped_;
  bool closed_ = false; // then `stopped_` stays
};

} // namespace cairn::detail
