#include "row_batch.hpp"

#include <xxhash.h>

#include <algorithm>

namespace cairn::detail {
namespace {

constexpr std::size_t max_row_bytes = std::size_t{16} << 20;
constexpr std::size_t bytes_beside_key_and_row = 128; // the node, its vector and their headers

} // namespace

std::size_t row_batch::hash::operator()(std::string_view key) const noexcept {
  return XXH3_64bits(key.data(), key.size());
}

void row_batch::begin_event() noexcept {
  ++event_;
  undo_.clear();
  failure_.reset();
}

void row_batch::roll_back() {
  for (auto last = undo_.rbegin(); last != undo_.rend(); ++last) {
    if (last->is_new)
      rows_.erase(rows_.find(last->at->first));
    else
      last->at->second = std::move(last->before);
  }
  undo_.clear();
}

result<row_words> row_batch::find(key_view key) const {
  if (const auto own = rows_.find(as_text(key)); own != rows_.end())
    return row_words{own->second.words};
  return below_->find(key);
}

result<void> row_batch::scan(key_view from, key_view below, scan_direction direction,
                             row_visitor visitor) const {
  std::vector<override_row> own;
  for (const auto& [key, changed] : rows_)
    if (key >= as_text(from) && (below.empty() || key < as_text(below)))
      own.push_back({as_key(key), changed.words});
  std::sort(own.begin(), own.end(), [&](const override_row& a, const override_row& b) {
    const int order = as_text(a.key).compare(as_text(b.key));
    return direction == scan_direction::ascending ? order < 0 : order > 0;
  });
  std::size_t next = 0;
  return scan_over(
      *below_, from, below, direction,
      [&]() -> const override_row* { return next < own.size() ? &own[next++] : nullptr; }, visitor);
}

void row_batch::put(key_view key, std::vector<std::uint64_t> row) {
  if (const auto bytes = row.size() * sizeof(std::uint64_t); bytes > max_row_bytes)
    return fail({errc::invalid_argument, "a row of " + std::to_string(bytes)
                                             + " bytes is larger than the limit of "
                                             + std::to_string(max_row_bytes)});
  set(key, std::move(row));
}

void row_batch::erase(key_view key) {
  set(key, {});
}

void row_batch::set(key_view key, std::vector<std::uint64_t> row) {
  bytes_ += row.size() * sizeof(std::uint64_t);
  auto found = rows_.find(as_text(key));
  if (found == rows_.end()) {
    found = rows_.emplace(as_text(key), change{}).first;
    bytes_ += key.size() + bytes_beside_key_and_row;
    undo_.push_back({&*found, {}, true});
  } else if (found->second.event != event_) {
    undo_.push_back({&*found, std::move(found->second), false});
  }
  found->second.words = std::move(row);
  found->second.event = event_;
}

void row_batch::fail(error why) {
  if (!failure_)
    failure_ = std::move(why);
}

std::vector<row_batch::changes*> row_batch::in_order() {
  std::vector<changes*> sorted;
  sorted.reserve(rows_.size());
  for (auto& row : rows_)
    sorted.push_back(&row);
  std::sort(sorted.begin(), sorted.end(),
            [](const changes* a, const changes* b) { return a->first < b->first; });
  return sorted;
}

void row_batch::clear() noexcept {
  rows_.clear();
  undo_.clear();
  bytes_ = 0;
}

} // namespace cairn::detail
