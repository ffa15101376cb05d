#include "tables/row_lanes.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace cairn::detail {

// --- What a lane reads ---------------------------------------------------------------------------

void noted_rows::read_from(const row_batch& before, std::unique_ptr<row_view> below) {
  before_ = &before;
  below_ = std::move(below);
}

result<row_words> noted_rows::find(key_view key) const {
  sought_.push_back(row_batch::rows_by_key::hash_of(as_text(key)));
  return before_->empty() ? below_->find(key) : before_->find_over(*below_, key);
}

result<void> noted_rows::scan(key_view from, key_view below, scan_direction direction,
                              row_visitor visitor) const {
  const auto number = scanned_.size(); // a visitor may scan, too; and may throw
  scanned_.push_back({std::string{as_text(from)}, std::string{as_text(below)}});
  return before_->scan_over(*below_, from, below, direction, [&](key_view key, row_words row) {
    const auto next = visitor(key, row);
    if (next == visit::stop && direction == scan_direction::descending)
      scanned_[number].from = as_text(key);
    else if (next == visit::stop)
      scanned_[number].below = std::string{as_text(key)} + '\0'; // the next key there could be
    return next;
  });
}

void noted_rows::forget_notes() noexcept {
  sought_.clear();
  scanned_.clear();
}

// --- Rounds --------------------------------------------------------------------------------------

result<void> row_lanes::begin_round(std::size_t lanes, const row_batch& before, capture below) {
  CAIRN_ASSERT(empty() || lanes == used_);
  while (lanes_.size() < lanes)
    lanes_.push_back(std::make_unique<lane_state>());
  used_ = lanes;
  for (std::size_t i = 0; i < used_; ++i) {
    auto& each = *lanes_[i];
    if (!each.below.reads()) {
      auto view = below();
      if (!view)
        return std::move(view).error();
      each.below.read_from(before, *std::move(view));
      each.rows.read_from(each.below);
    }
    each.rows.begin_event();
    each.below.forget_notes();
    each.known = each.rows.size();
  }
  return {};
}

bool row_lanes::end_round() {
  if (!any_failed() && enter_writers() && !any_read_of_another() && !any_scan_of_another())
    return true;
  for (std::size_t i = 0; i < used_; ++i) {
    lanes_[i]->rows.roll_back();
    if (lanes_[i]->rows.empty())
      lanes_[i]->rows.clear(); // what it has counted of the round
  }
  // The round's own entries would be in the way of later ones.
  writers_.clear();
  for (std::size_t i = 0; i < used_; ++i)
    for (std::size_t row = 0; row < lanes_[i]->rows.size(); ++row)
      writers_.emplace(std::as_const(lanes_[i]->rows).changes()[row].hash, i);
  return false;
}

bool row_lanes::any_failed() const noexcept {
  return std::any_of(lanes_.begin(), lanes_.begin() + static_cast<std::ptrdiff_t>(used_),
                     [](const auto& lane) { return lane->rows.failure().has_value(); });
}

/// Enters who has written the rows that are new in this round; false: two lanes have.
///
/// Keys are known by their hash of 64 bits: two that share one would only look as if lanes met.
bool row_lanes::enter_writers() {
  for (std::size_t i = 0; i < used_; ++i) {
    const auto& written = std::as_const(lanes_[i]->rows).changes();
    for (std::size_t row = lanes_[i]->known; row < written.size(); ++row)
      if (const auto [at, is_new] = writers_.emplace(written[row].hash, i); at->second != i)
        return false;
  }
  return true;
}

bool row_lanes::any_read_of_another() const {
  for (std::size_t i = 0; i < used_; ++i)
    for (const auto hash : lanes_[i]->below.sought())
      if (const auto by = writers_.find(hash); by != writers_.end() && by->second != i)
        return true;
  return false;
}

bool row_lanes::any_scan_of_another() const {
  std::vector<std::pair<std::string_view, std::size_t>>
      written; // made only if somebody has scanned
  for (std::size_t i = 0; i < used_; ++i)
    for (const auto& range : lanes_[i]->below.scanned()) {
      if (written.empty()) {
        for (std::size_t lane = 0; lane < used_; ++lane)
          for (std::size_t row = 0; row < lanes_[lane]->rows.size(); ++row)
            written.emplace_back(std::as_const(lanes_[lane]->rows).changes()[row].key, lane);
        std::sort(written.begin(), written.end());
      }
      auto at = std::lower_bound(written.begin(), written.end(),
                                 std::pair{std::string_view{range.from}, std::size_t{0}});
      for (; at != written.end() && (range.below.empty() || at->first < range.below); ++at)
        if (at->second != i)
          return true;
    }
  return false;
}

// --- The rows of all lanes -----------------------------------------------------------------------

std::size_t row_lanes::size() const noexcept {
  std::size_t rows = 0;
  for (std::size_t i = 0; i < used_; ++i)
    rows += lanes_[i]->rows.size();
  return rows;
}

std::size_t row_lanes::bytes() const noexcept {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < used_; ++i)
    bytes += lanes_[i]->rows.bytes();
  return bytes;
}

void row_lanes::for_each(function_ref<void(row_batch&)> use) {
  for (std::size_t i = 0; i < used_; ++i)
    use(lanes_[i]->rows);
}

void row_lanes::clear_rows() {
  writers_.clear();
  for (const auto& each : lanes_)
    each->rows.clear();
}

void row_lanes::clear() {
  clear_rows();
  for (const auto& each : lanes_)
    each->below = {};
}

/// The lanes keep no rows.
void laned_batch::join() {
  lanes_.for_each([&](row_batch& lane) { rows_.take_over(lane); });
  lanes_.clear_rows();
}

} // namespace cairn::detail
