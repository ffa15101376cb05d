#include "row_layer.hpp"

#include <algorithm>

namespace cairn::detail {
namespace {

constexpr std::size_t rows_at_a_time = 64;

} // namespace

void row_layer::add(row_batch& batch, std::uint64_t position, const positions_in_use& in_use) {
  const auto changes = batch.in_order();
  const std::unique_lock lock{mutex_};
  bytes_ += batch.bytes();
  auto hint = rows_.end();
  for (auto* change : changes) {
    hint = rows_.lower_bound(change->first);
    if (hint == rows_.end() || hint->first != change->first)
      hint = rows_.emplace_hint(hint, change->first, history{});
    hint->second.push_back({position, std::move(change->second.words)});
    trim(hint->second, in_use);
  }
}

/// Drops the versions that no snapshot can see: all but the newest, and for each snapshot the last
/// one that is not newer than it.
void row_layer::trim(history& of, const positions_in_use& in_use) {
  if (of.size() == 1)
    return;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < of.size(); ++i) {
    const bool newest = i + 1 == of.size();
    const auto reader = in_use.lower_bound(of[i].position);
    if (newest || (reader != in_use.end() && *reader < of[i + 1].position)) {
      if (kept != i)
        of[kept] = std::move(of[i]);
      ++kept;
    }
  }
  of.resize(kept);
}

const row_layer::version* row_layer::seen_by(const history& of, std::uint64_t position) noexcept {
  for (auto newest = of.rbegin(); newest != of.rend(); ++newest)
    if (newest->position <= position)
      return &*newest;
  return nullptr;
}

std::optional<row_words> row_layer::find(key_view key, std::uint64_t position) const {
  const std::shared_lock lock{mutex_};
  const auto found = rows_.find(as_text(key));
  if (found == rows_.end())
    return std::nullopt;
  const version* const seen = seen_by(found->second, position);
  return seen ? std::optional<row_words>{seen->words} : std::nullopt;
}

std::size_t row_layer::rows() const {
  const std::shared_lock lock{mutex_};
  return rows_.size();
}

std::size_t row_layer::bytes() const {
  const std::shared_lock lock{mutex_};
  return bytes_;
}

int row_layer::for_each(function_ref<int(key_view, std::vector<std::uint64_t>&)> use) {
  for (auto& [key, versions] : rows_)
    if (const int rc = use(as_key(key), versions.back().words))
      return rc;
  return 0;
}

row_layer::walk::walk(const row_layer& layer, key_view from, key_view below,
                      scan_direction direction, std::uint64_t position)
  : layer_{layer}, direction_{direction}, position_{position} {
  const std::shared_lock lock{layer_.mutex_};
  first_ = layer_.rows_.lower_bound(as_text(from));
  last_ = below.empty() ? layer_.rows_.end() : layer_.rows_.lower_bound(as_text(below));
  if (!below.empty() && as_text(below) < as_text(from))
    last_ = first_;
}

const override_row* row_layer::walk::next() {
  if (used_ == chunk_.size())
    fill();
  return used_ < chunk_.size() ? &chunk_[used_++] : nullptr;
}

void row_layer::walk::fill() {
  chunk_.clear();
  used_ = 0;
  const std::shared_lock lock{layer_.mutex_};
  while (first_ != last_ && chunk_.size() < rows_at_a_time) {
    const auto at = direction_ == scan_direction::ascending ? first_++ : --last_;
    if (const version* const seen = seen_by(at->second, position_))
      chunk_.push_back({as_key(at->first), seen->words});
  }
}

} // namespace cairn::detail
