#include "lmdb_journal/trailing_tags.hpp"

#include "lmdb_rows/tag_rows.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace cairn::detail {

void trailing_tags::add(const staged_row& row) {
  auto found = postings_.find(row.tag);
  if (found == postings_.end()) {
    auto made = std::make_unique<posting>();
    made->tag = row.tag;
    const std::string_view key = made->tag;
    found = postings_.emplace(key, std::move(made)).first;
  }
  posting& of = *found->second;
  if (of.recent.empty())
    recent_.push_back(&of);
  else if (of.recent.back() == row.position)
    return; // twice in a record, which older versions let pass
  of.recent.push_back(row.position);
  ++dirty_;
}

void trailing_tags::publish() {
  if (staged_.empty())
    return;
  {
    const std::lock_guard lock{mutex_};
    for (const staged_row& row : staged_)
      add(row);
  }
  staged_.clear();
}

void trailing_tags::positions(std::string_view tag, position from,
                              std::vector<position>& out) const {
  const std::lock_guard lock{mutex_};
  const auto found = postings_.find(tag);
  if (found == postings_.end())
    return;
  for (const auto* part : {&found->second->frozen, &found->second->recent})
    out.insert(out.end(), std::lower_bound(part->begin(), part->end(), from), part->end());
}

void trailing_tags::freeze() {
  const std::lock_guard lock{mutex_};
  for (posting* of : recent_)
    of->frozen.swap(of->recent);
  frozen_postings_.swap(recent_);
  frozen_ = std::exchange(dirty_, 0);
}

/// Touches nothing that the writer or readers touch meanwhile.
void trailing_tags::sort_frozen() {
  std::ranges::sort(frozen_postings_, {},
                    [](const posting* of) -> const std::string& { return of->tag; });
  std::size_t end = 0;
  for (posting* of : frozen_postings_)
    of->end = end += of->frozen.size();
}

int trailing_tags::write(MDB_txn* txn, const databases& dbs, std::size_t first,
                         std::size_t count) noexcept {
  cursor rows;
  if (const int rc = rows.open(txn, dbs.tags))
    return rc;
  auto of = std::ranges::upper_bound(frozen_postings_, first, {}, &posting::end);
  for (std::size_t row = first; row < first + count; ++row) {
    if (row == (*of)->end)
      ++of;
    const auto& positions = (*of)->frozen;
    const auto position = positions[row - ((*of)->end - positions.size())];
    if (const int rc = write_tag_row(rows.get(), (*of)->tag, position))
      return rc;
  }
  return 0;
}

void trailing_tags::finish() {
  const std::lock_guard lock{mutex_};
  for (posting* of : frozen_postings_) {
    of->frozen.clear();
    if (of->recent.empty())
      postings_.erase(std::string_view{of->tag});
  }
  frozen_postings_.clear();
  frozen_ = 0;
}

} // namespace cairn::detail
