#pragma once

#include "aggregates/request_list.hpp"

#include <cairn/detail/request.hpp>

#include <atomic>
#include <cstdint>

namespace cairn::detail {

/// The requests that wait for one aggregate: any thread pushes, the aggregate takes all at once.
///
/// It also decides who wakes the aggregate, and makes passivation safe: closing succeeds only while
/// the inbox is empty, and a push that meets a closed inbox says so instead of losing the request.
/// So the aggregate is queued for a turn once for each burst of requests, not for each request.
///
/// A lock-free stack (Treiber, 1986) that is reversed when it is taken; nothing is popped singly,
/// so there is no ABA.
class inbox {
public:
  enum class pushed : std::uint8_t {
    queued,      ///< The aggregate is awake and will find it.
    queued_wake, ///< The caller must wake the aggregate.
    closed,      ///< Not queued: this activation is over; look for its successor.
  };

  pushed push(request* work) noexcept {
    auto* seen = head_.load(std::memory_order_relaxed);
    do {
      if (seen == closed())
        return pushed::closed;
      work->next = seen == awake() ? nullptr : seen;
    } while (!head_.compare_exchange_weak(seen, work, std::memory_order_acq_rel,
                                          std::memory_order_relaxed));
    return seen == asleep() ? pushed::queued_wake : pushed::queued;
  }

  /// Appends everything to `into`, oldest first; the aggregate counts as awake from here on.
  void take_all(request_list& into) noexcept {
    auto* const newest = head_.exchange(awake(), std::memory_order_acq_rel);
    if (newest == asleep() || newest == awake())
      return;
    request* oldest = nullptr;
    for (auto* next = newest; next;) {
      auto* const older = next->next;
      next->next = oldest;
      oldest = next;
      next = older;
    }
    into.push_back(oldest, newest);
  }

  /// From awake to asleep, so that the next push wakes; false if something has arrived meanwhile.
  bool try_sleep() noexcept { return leave_awake(asleep()); }

  /// From awake to closed; false if something has arrived meanwhile.
  bool try_close() noexcept { return leave_awake(closed()); }

  /// What was pushed last and not yet taken, or null: to fetch it into the cache, not to look at.
  const request* newest() const noexcept {
    const auto* const seen = head_.load(std::memory_order_relaxed);
    return seen == awake() || seen == closed() ? nullptr : seen;
  }

private:
  static request* asleep() noexcept { return nullptr; }
  static request* awake() noexcept { return reinterpret_cast<request*>(std::uintptr_t{1}); }
  static request* closed() noexcept { return reinterpret_cast<request*>(std::uintptr_t{2}); }

  bool leave_awake(request* to) noexcept {
    auto* expected = awake();
    return head_.compare_exchange_strong(expected, to, std::memory_order_acq_rel,
                                         std::memory_order_relaxed);
  }

  std::atomic<request*> head_{asleep()};
};

} // namespace cairn::detail
