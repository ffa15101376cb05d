#include "aggregates/deduplication_window.hpp"

namespace cairn::detail {

recent_command& deduplication_window::at_age(std::size_t age) noexcept {
  return ring_[(oldest_ + ring_.size() - 1 - age) % ring_.size()];
}

void deduplication_window::remember(message_id id, cairn::version version,
                                    cairn::position position) {
  if (id.empty() || capacity_ == 0)
    return;
  if (!ring_.empty() && at_age(0).id == id) {
    at_age(0).version = version;
    at_age(0).position = position;
    return;
  }
  const recent_command entry{id, version, position};
  if (ring_.size() < capacity_) {
    ring_.push_back(entry);
  } else {
    ring_[oldest_] = entry;
    oldest_ = (oldest_ + 1) % ring_.size();
  }
}

void deduplication_window::locate(
    function_ref<cairn::position(cairn::version version)> position_of) noexcept {
  for (std::size_t age = 0; age < ring_.size() && at_age(age).position.is_start(); ++age)
    at_age(age).position = position_of(at_age(age).version);
}

const recent_command* deduplication_window::find(message_id id) const noexcept {
  for (const auto& entry : ring_) {
    if (entry.id == id)
      return &entry;
  }
  return nullptr;
}

std::vector<recent_command> deduplication_window::entries() const {
  std::vector<recent_command> ordered;
  ordered.reserve(ring_.size());
  for (std::size_t i = 0; i < ring_.size(); ++i)
    ordered.push_back(ring_[(oldest_ + i) % ring_.size()]);
  return ordered;
}

void deduplication_window::assign(std::span<const recent_command> newest_last) {
  clear();
  const auto kept = newest_last.size() > capacity_
                        ? newest_last.subspan(newest_last.size() - capacity_)
                        : newest_last;
  ring_.assign(kept.begin(), kept.end());
}

void deduplication_window::clear() noexcept {
  ring_.clear();
  oldest_ = 0;
}

} // namespace cairn::detail
