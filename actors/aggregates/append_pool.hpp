#pragma once

#include "aggregates/aggregate_append.hpp"

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace cairn::detail {

/// Appends to be used again: each command needs one, made by a thread of the scheduler and finished
/// by the reply dispatcher, and the buffers in it would be four allocations in one thread and four
/// frees in another.
class append_pool {
public:
  explicit append_pool(append_listener& reply_dispatcher, std::size_t max_event_bytes)
    : dispatcher_{reply_dispatcher}, max_event_bytes_{max_event_bytes} {}

  std::unique_ptr<aggregate_append> take(intrusive_ptr<activation> by, cairn::version version);

  /// Takes one back that is finished or was not needed.
  void recycle(std::unique_ptr<aggregate_append> finished);

  /// Takes many in one go, which have been made reusable; keeps as many as are worth keeping.
  void recycle(std::vector<std::unique_ptr<aggregate_append>>& reusable);

private:
  append_listener& dispatcher_;
  const std::size_t max_event_bytes_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<aggregate_append>> free_;
};

} // namespace cairn::detail
