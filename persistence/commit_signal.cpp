#include "commit_signal.hpp"

namespace cairn::detail {

void commit_signal::announce() noexcept {
  // Pairs with the fence in `wait`: either the waiter sees the new end, or this sees the waiter.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (waiting_.load(std::memory_order_relaxed) == 0)
    return;
  const std::lock_guard lock{mutex_};
  changed_.notify_all();
}

bool commit_signal::wait(std::chrono::steady_clock::time_point deadline,
                         const std::stop_token& interrupt, function_ref<bool()> passed) {
  std::unique_lock lock{mutex_};
  if (closed_)
    return false;
  waiting_.fetch_add(1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  changed_.wait_until(lock, interrupt, deadline, [&] { return closed_ || passed(); });
  if (waiting_.fetch_sub(1, std::memory_order_relaxed) == 1 && closed_)
    changed_.notify_all();
  return !closed_;
}

void commit_signal::close() noexcept {
  std::unique_lock lock{mutex_};
  closed_ = true;
  changed_.notify_all();
  changed_.wait(lock, [&] { return waiting_.load(std::memory_order_relaxed) == 0; });
}

} // namespace cairn::detail
