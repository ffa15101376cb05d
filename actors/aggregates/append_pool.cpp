#include "aggregates/append_pool.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace cairn::detail {
namespace {

// As many as a full commit holds, several times over; what a pool of this size retains is a few
// megabytes.
constexpr std::size_t most_kept = 16'384;

} // namespace

std::unique_ptr<aggregate_append> append_pool::take(intrusive_ptr<activation> by,
                                                    cairn::version version) {
  std::unique_ptr<aggregate_append> append;
  {
    const std::lock_guard lock{mutex_};
    if (!free_.empty()) {
      append = std::move(free_.back());
      free_.pop_back();
    }
  }
  if (append)
    append->begin(std::move(by), version);
  else
    append =
        std::make_unique<aggregate_append>(std::move(by), dispatcher_, version, max_event_bytes_);
  return append;
}

void append_pool::recycle(std::vector<std::unique_ptr<aggregate_append>>& reusable) {
  const std::lock_guard lock{mutex_};
  const auto room = most_kept - std::min(most_kept, free_.size());
  const auto kept = static_cast<std::ptrdiff_t>(std::min(room, reusable.size()));
  std::move(reusable.begin(), reusable.begin() + kept, std::back_inserter(free_));
}

void append_pool::recycle(std::unique_ptr<aggregate_append> finished) {
  if (!finished->make_reusable())
    return;
  const std::lock_guard lock{mutex_};
  if (free_.size() < most_kept)
    free_.push_back(std::move(finished));
}

} // namespace cairn::detail
