#include "tables/write_batch.hpp"

#include <algorithm>

namespace cairn::detail {
namespace {

constexpr std::size_t max_row_bytes = std::size_t{16} << 20;
constexpr std::size_t bytes_beside_key_and_row = 128; // the node, its vector and their headers

} // namespace

void write_batch::begin_event() noexcept {
  ++event_;
  undo_.clear();
  failure_.reset();
}

void write_batch::roll_back() {
  for (auto last = undo_.rbegin(); last != undo_.rend(); ++last) {
    if (last->is_new)
      rows_.drop_last(); // new ones are at the end, in the order of `undo_`
    else
      last->at->row = std::move(last->before);
  }
  undo_.clear();
}

result<row_words> write_batch::find(key_view key) const {
  return find_over(*below_, key);
}

result<void> write_batch::scan(key_view from, key_view below, scan_direction direction,
                               row_visitor visitor) const {
  return scan_over(*below_, from, below, direction, visitor);
}

result<row_words> write_batch::find_over(const row_source& below, key_view key) const {
  if (const auto* const own = rows_.find(as_text(key)))
    return row_words{own->row.words};
  return below.find(key);
}

result<void> write_batch::scan_over(const row_source& below, key_view from, key_view up_to,
                                    scan_direction direction, row_visitor visitor) const {
  std::vector<override_row> own;
  for (std::size_t i = 0; i < rows_.size(); ++i)
    if (const auto& [key, hash, changed] = rows_[i];
        key >= as_text(from) && (up_to.empty() || key < as_text(up_to)))
      own.push_back({as_key(key), changed.words});
  std::sort(own.begin(), own.end(), [&](const override_row& a, const override_row& b) {
    const int order = as_text(a.key).compare(as_text(b.key));
    return direction == scan_direction::ascending ? order < 0 : order > 0;
  });
  std::size_t next = 0;
  return detail::scan_over(
      below, from, up_to, direction,
      [&]() -> const override_row* { return next < own.size() ? &own[next++] : nullptr; }, visitor);
}

void write_batch::put(key_view key, std::vector<std::uint64_t> row) {
  if (const auto bytes = row.size() * sizeof(std::uint64_t); bytes > max_row_bytes)
    return fail({errc::invalid_argument, "a row of " + std::to_string(bytes)
                                             + " bytes is larger than the limit of "
                                             + std::to_string(max_row_bytes)});
  set(key, std::move(row));
}

void write_batch::erase(key_view key) {
  set(key, {});
}

void write_batch::set(key_view key, std::vector<std::uint64_t> row) {
  const auto text = as_text(key);
  const auto [found, is_new] = rows_.find_or_add(text, rows_by_key::hash_of(text));
  bytes_ += row.size() * sizeof(std::uint64_t);
  if (is_new) {
    bytes_ += key.size() + bytes_beside_key_and_row;
    undo_.push_back({found, {}, true});
  } else if (found->row.event != event_) {
    undo_.push_back({found, std::move(found->row), false});
  }
  found->row.words = std::move(row);
  found->row.event = event_;
}

void write_batch::fail(error why) {
  if (!failure_)
    failure_ = std::move(why);
}

void write_batch::take_over(write_batch& from) {
  begin_event();
  for (std::size_t i = 0; i < from.rows_.size(); ++i)
    set(as_key(from.rows_[i].key), std::move(from.rows_[i].row.words));
  from.clear();
}

void write_batch::clear() {
  for (std::size_t i = 0; i < rows_.size(); ++i)
    rows_[i].row.words = {};
  rows_.clear();
  undo_.clear();
  bytes_ = 0;
}

} // namespace cairn::detail
