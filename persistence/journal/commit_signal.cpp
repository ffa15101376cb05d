#include "journal/commit_signal.hpp"

namespace cairn::detail {

void commit_signal::announce() noexcept {
  // Changes nothing, but has its place among the changes that waiters make: either it comes before
  // a waiter's, who then sees the new end, or it sees the waiter. (A fence would do; but
  // ThreadSanitizer knows none.)
  if (waiting_.fetch_add(0, std::memory_order_acq_rel) == 0)
    return;
  const std::lock_guard lock{mutex_};
  changed_.notify_all();
}

bool commit_signal::wait(std::chrono::steady_clock::time_point deadline,
                         const std::stop_token& interrupt, function_ref<bool()> passed) {
  std::unique_lock lock{mutex_};
  if (closed_)
    return false;
  waiting_.fetch_add(1, std::memory_order_acq_rel);
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
