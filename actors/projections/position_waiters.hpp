#pragma once

#include <cairn/function_ref.hpp>
#include <cairn/future.hpp>
#include <cairn/position.hpp>

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

namespace cairn::detail {

/// Those who wait until a projection has reached a position. Progress in one shard settles those
/// who wait for positions of that shard only. Any thread; continuations run in the thread that
/// brings the news, without a lock.
class position_waiters {
public:
  using time_point = std::chrono::steady_clock::time_point;
  using state_ptr = intrusive_ptr<future_state<cairn::position>>;

  /// The future brings the position that the projection has reached in the shard of `position`.
  future<cairn::position> add(cairn::position position, time_point deadline);

  /// Settles those who wait for `position` or less in its shard; it never goes back. If there is
  /// what has stopped the projection, the others, of all shards, fail with it, and those who come,
  /// until there is none. `stopped` is asked under the lock, so that no older news overtakes newer.
  void update(cairn::position position, function_ref<std::optional<error>()> stopped);

  /// Fails all with `why`, and those who come, for good.
  void close(const error& why);

  std::size_t waiting() const;

  /// Fails those whose deadline has passed; returns the next one (or `time_point::max()`).
  time_point expire(time_point now);

private:
  struct waiter;
  using by_position = std::multimap<cairn::position, waiter>; // of one shard
  using by_deadline = std::multimap<time_point, by_position::iterator>;
  struct waiter {
    state_ptr state;
    std::optional<by_deadline::iterator> deadline;
  };
  struct shard {
    cairn::position reached;
    by_position waiting;
  };

  shard& shard_of(cairn::position position);
  std::vector<state_ptr> take_all();
  void forget_deadline(const waiter& of);

  mutable std::mutex mutex_;
  std::map<shard_id, shard> shards_;
  by_deadline deadlines_; // of those who wait in any shard and have one
  std::optional<error> stopped_;
  bool closed_ = false; // then `stopped_` stays
};

} // namespace cairn::detail
