#include "aggregates/admission.hpp"

namespace cairn::detail {

admission::verdict admission::enter(std::size_t bytes) noexcept {
  // Counted before the state is read, so that who closes, and sets the state before the count is
  // read, either sees this request or is seen by it.
  const auto requests = requests_.fetch_add(1) + 1;
  const auto total = bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (const auto now = state_.load(); now != state::open) {
    leave(1, bytes);
    return now == state::closed ? verdict::closed : verdict::suspended;
  }
  if (requests > max_requests_ || total > max_bytes_) {
    leave(1, bytes);
    refused_.fetch_add(1, std::memory_order_relaxed);
    return verdict::full;
  }
  return verdict::entered;
}

void admission::leave(std::size_t requests, std::size_t bytes) noexcept {
  bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  if (requests_.fetch_sub(requests) == requests && state_.load() != state::open) {
    const std::lock_guard lock{mutex_};
    drained_.notify_all();
  }
}

void admission::drain() {
  std::unique_lock lock{mutex_};
  drained_.wait(lock, [this] { return drained(); });
}

} // namespace cairn::detail
