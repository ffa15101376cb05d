#include "tables/partition_writes.hpp"

#include "support/option_range.hpp"
#include "tables/table_options.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace cairn::detail {

// --- What a partition reads
// ---------------------------------------------------------------------------

void noted_rows::read_from(const write_batch& before, std::unique_ptr<layered_snapshot> below) {
  before_ = &before;
  below_ = std::move(below);
}

result<row_words> noted_rows::find(key_view key) const {
  sought_.push_back(write_batch::rows_by_key::hash_of(as_text(key)));
  return before_->empty() ? below_->find(key) : before_->find_over(*below_, key);
}

result<void> noted_rows::scan(key_view from, key_view below, scan_direction direction,
                              row_visitor visitor) const {
  const auto number = scanned_.size(); // a visitor may scan, too; and may throw
  scanned_.push_back({std::string{as_text(from)}, std::string{as_text(below)}});
  return before_->scan_over(*below_, from, below, direction, [&](key_view key, row_words row) {
    const auto next = visitor(key, row);
    if (next == visit_result::stop && direction == scan_direction::descending)
      scanned_[number].from = as_text(key);
    else if (next == visit_result::stop)
      scanned_[number].below = std::string{as_text(key)} + '\0'; // the next key there could be
    return next;
  });
}

void noted_rows::forget_notes() noexcept {
  sought_.clear();
  scanned_.clear();
}

// --- Rounds --------------------------------------------------------------------------------------

result<void> partition_writes::begin_round(std::size_t partitions, const write_batch& before,
                                           capture below) {
  if (auto checked = option_ranges{"table_store::begin_round"}
                         .check("partitions", partitions, 1, most_partitions)
                         .outcome();
      !checked)
    return checked;
  CAIRN_ASSERT(empty() || partitions == used_);
  while (partitions_.size() < partitions)
    partitions_.push_back(std::make_unique<partition_state>());
  used_ = partitions;
  for (std::size_t i = 0; i < used_; ++i) {
    auto& each = *partitions_[i];
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

bool partition_writes::end_round() {
  if (!any_failed() && enter_writers() && !any_read_of_another() && !any_scan_of_another())
    return true;
  for (std::size_t i = 0; i < used_; ++i) {
    partitions_[i]->rows.roll_back();
    if (partitions_[i]->rows.empty())
      partitions_[i]->rows.clear(); // what it has counted of the round
  }
  // The round's own entries would be in the way of later ones.
  writers_.clear();
  for (std::size_t i = 0; i < used_; ++i)
    for (std::size_t row = 0; row < partitions_[i]->rows.size(); ++row)
      writers_.emplace(std::as_const(partitions_[i]->rows).changes()[row].hash, i);
  return false;
}

bool partition_writes::any_failed() const noexcept {
  return std::any_of(partitions_.begin(), partitions_.begin() + static_cast<std::ptrdiff_t>(used_),
                     [](const auto& partition) { return partition->rows.failure().has_value(); });
}

/// Enters who has written the rows that are new in this round; false: two partitions have.
///
/// Keys are known by their hash of 64 bits: two that share one would only look as if partitions
/// met.
bool partition_writes::enter_writers() {
  for (std::size_t i = 0; i < used_; ++i) {
    const auto& written = std::as_const(partitions_[i]->rows).changes();
    for (std::size_t row = partitions_[i]->known; row < written.size(); ++row)
      if (const auto [at, is_new] = writers_.emplace(written[row].hash, i); at->second != i)
        return false;
  }
  return true;
}

bool partition_writes::any_read_of_another() const {
  for (std::size_t i = 0; i < used_; ++i)
    for (const auto hash : partitions_[i]->below.sought())
      if (const auto by = writers_.find(hash); by != writers_.end() && by->second != i)
        return true;
  return false;
}

bool partition_writes::any_scan_of_another() const {
  std::vector<std::pair<std::string_view, std::size_t>>
      written; // made only if somebody has scanned
  for (std::size_t i = 0; i < used_; ++i)
    for (const auto& range : partitions_[i]->below.scanned()) {
      if (written.empty()) {
        for (std::size_t partition = 0; partition < used_; ++partition)
          for (std::size_t row = 0; row < partitions_[partition]->rows.size(); ++row)
            written.emplace_back(std::as_const(partitions_[partition]->rows).changes()[row].key,
                                 partition);
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

// --- The rows of all partitions
// -----------------------------------------------------------------------

std::size_t partition_writes::size() const noexcept {
  std::size_t rows = 0;
  for (std::size_t i = 0; i < used_; ++i)
    rows += partitions_[i]->rows.size();
  return rows;
}

std::size_t partition_writes::bytes() const noexcept {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < used_; ++i)
    bytes += partitions_[i]->rows.bytes();
  return bytes;
}

void partition_writes::for_each(function_ref<void(write_batch&)> use) {
  for (std::size_t i = 0; i < used_; ++i)
    use(partitions_[i]->rows);
}

void partition_writes::clear_rows() {
  writers_.clear();
  for (const auto& each : partitions_)
    each->rows.clear();
}

void partition_writes::clear() {
  clear_rows();
  for (const auto& each : partitions_)
    each->below = {};
}

/// The partitions keep no rows.
void parallel_batch::join() {
  partitions_.for_each([&](write_batch& partition) { rows_.take_over(partition); });
  partitions_.clear_rows();
}

} // namespace cairn::detail
