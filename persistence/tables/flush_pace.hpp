#pragma once

#include <cairn/function_ref.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace cairn::detail {

/// How fast a flush writes: in slices, with pauses between them that leave nine tenths of the time
/// to others, unless somebody waits for it.
class flush_pace {
public:
  using clock = std::chrono::steady_clock;

  /// `guard` guards what `make_room` looks at.
  explicit flush_pace(std::mutex& guard) noexcept : guard_{guard} {}

  /// Somebody who waits for the flush, if `really`: one that is under way makes no more pauses.
  class waiter {
  public:
    waiter(flush_pace& of, bool really) : of_{of}, really_{really} { add(1); }
    ~waiter() { add(-1); }
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;

  private:
    void add(int more) {
      if (!really_)
        return;
      const std::lock_guard lock{of_.guard_};
      of_.waiting_ += more;
      of_.hurried_.notify_all();
    }

    flush_pace& of_;
    const bool really_;
  };

  /// Waits nine times as long as the slice took, but not once `hurry` is set, `is_far_behind`, or
  /// somebody waits. Returns when the next slice begins.
  clock::time_point make_room(clock::time_point slice_began, const std::atomic<bool>& hurry,
                              function_ref<bool()> is_far_behind) {
    const auto took = clock::now() - slice_began;
    std::unique_lock lock{guard_};
    hurried_.wait_for(lock, 9 * took, [&] { return hurry || waiting_ > 0 || is_far_behind(); });
    return clock::now();
  }

private:
  std::mutex& guard_;
  int waiting_ = 0;
  std::condition_variable hurried_;
};

} // namespace cairn::detail
