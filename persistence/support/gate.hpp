#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace cairn::detail {

/// Guards something that will be closed while others use it: it admits callers until it is closed,
/// and closing can then wait until the last of them has left. Any thread. To enter an open gate, or
/// to leave it, is one atomic operation.
class gate {
public:
  /// Returns whether the caller was admitted; if so, it must `leave`.
  bool enter() noexcept {
    auto now = state_.load(std::memory_order_relaxed);
    while ((now & closed) == 0)
      if (state_.compare_exchange_weak(now, now + 1))
        return true;
    return false;
  }
  void leave() noexcept {
    auto now = state_.load(std::memory_order_relaxed);
    while ((now & closed) == 0)
      if (state_.compare_exchange_weak(now, now - 1))
        return; // it was open: `wait_until_empty` does not count this caller
    // Under the lock: who waits for it to be empty may destroy it then.
    const std::lock_guard lock{mutex_};
    if (state_.fetch_sub(1) == closed + 1)
      empty_.notify_all();
  }

  /// Admits nobody from now on. Does not wait for those who are inside.
  void close() noexcept { state_.fetch_or(closed); }
  void wait_until_empty() {
    std::unique_lock lock{mutex_};
    empty_.wait(lock, [this] { return (state_.load() & ~closed) == 0; });
  }
  /// Admits callers again. While it is closed and empty.
  void open() noexcept { state_.store(0); }

  /// Enters for its own lifetime.
  class holder {
  public:
    explicit holder(gate& entered) noexcept : gate_{entered.enter() ? &entered : nullptr} {}
    ~holder() {
      if (gate_)
        gate_->leave();
    }
    holder(const holder&) = delete;
    holder& operator=(const holder&) = delete;
    /// Whether it was admitted.
    explicit operator bool() const noexcept { return gate_ != nullptr; }

  private:
    gate* gate_;
  };

private:
  static constexpr std::uint64_t closed = std::uint64_t{1} << 63; // the other bits: how many inside

  std::atomic<std::uint64_t> state_ = 0;
  std::mutex mutex_;
  std::condition_variable empty_;
};

} // namespace cairn::detail
