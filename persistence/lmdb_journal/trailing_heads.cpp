#include "lmdb_journal/trailing_heads.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace cairn::detail {
namespace {

struct keyed_entry {
  std::uint64_t word; // of the key, big-endian, so that numbers order as bytes do
  head_entry* entry;
};

std::uint64_t key_word(const head_entry& entry, std::size_t depth) noexcept {
  const auto key = entry.key();
  if (depth * 8 >= key.size())
    return 0;
  std::uint64_t word;
  std::memcpy(&word, key.data() + depth * 8, sizeof(word));
  return __builtin_bswap64(word);
}

void sort_range(std::span<keyed_entry> range, std::size_t depth) {
  for (keyed_entry& keyed : range)
    keyed.word = key_word(*keyed.entry, depth);
  const auto by_word = [](const keyed_entry& a, const keyed_entry& b) { return a.word < b.word; };
  const auto other = [&](const keyed_entry& keyed) { return keyed.word != range.front().word; };
  if (std::any_of(range.begin(), range.end(), other))
    std::sort(range.begin(), range.end(), by_word);
  for (std::size_t first = 0; first < range.size();) {
    std::size_t last = first + 1;
    while (last < range.size() && range[last].word == range[first].word)
      ++last;
    if (last - first > 1)
      sort_range(range.subspan(first, last - first), depth + 1);
    first = last;
  }
}

} // namespace

void sort_by_key(std::vector<head_entry*>& entries) {
  std::vector<keyed_entry> keyed;
  keyed.reserve(entries.size());
  for (head_entry* entry : entries)
    keyed.push_back({0, entry});
  sort_range(keyed, 0);
  for (std::size_t i = 0; i < keyed.size(); ++i)
    entries[i] = keyed[i].entry;
}

void trailing_heads::freeze() {
  frozen_.swap(dirty_);
  ++cycle_;
}

/// An entry without a version (a key that nobody holds any more) has no row.
int trailing_heads::write_row(MDB_cursor* rows, const head_entry& entry) noexcept {
  const auto key = entry.key();
  MDB_val lmdb_key{key.size(), const_cast<std::byte*>(key.data())};
  MDB_val value{};
  if (entry.pending.version.is_none()) {
    const int rc = mdb_cursor_get(rows, &lmdb_key, &value, MDB_SET);
    return rc == MDB_NOTFOUND ? 0 : rc != 0 ? rc : mdb_cursor_del(rows, 0);
  }
  head_record row{{}, entry.pending.version.number(), entry.pending.position.bits()};
  seal_value(key, &row, sizeof(row));
  value = {sizeof(row), &row};
  return mdb_cursor_put(rows, &lmdb_key, &value, 0);
}

int trailing_heads::write(MDB_txn* txn, const databases& dbs, std::size_t first,
                          std::size_t count) noexcept {
  cursor rows;
  if (const int rc = rows.open(txn, dbs.*database_))
    return rc;
  constexpr std::size_t ahead = 8; // each entry is a cache miss, unless fetched in time
  for (std::size_t i = first; i < first + count; ++i) {
    if (i + ahead < frozen_.size())
      __builtin_prefetch(frozen_[i + ahead]);
    if (const int rc = write_row(rows.get(), *frozen_[i]))
      return rc;
  }
  return 0;
}

void trailing_heads::finish() {
  frozen_.clear();
  clean_up_to_ = cycle_ - 1;
}

void trailing_heads::tidy() {
  constexpr std::size_t ahead = 8; // each step is a cache miss, unless fetched
  const std::size_t in_use = kept_ + dirty_.size() + frozen_.size();
  std::vector<head_entry*> dropped;
  for (std::size_t steps = std::exchange(due_steps_, 0); steps > 0 && all_.size() > in_use;
       --steps) {
    if (ahead < all_.size())
      __builtin_prefetch(all_[ahead]);
    head_entry* const entry = all_.front();
    all_.pop_front();
    const bool dirty = entry->dirty_cycle > clean_up_to_;
    const bool stays = std::exchange(entry->written_since, false) || dirty;
    if (stays)
      all_.push_back(entry);
    else
      dropped.push_back(entry);
  }
  if (!dropped.empty())
    table_.erase(dropped);
}

} // namespace cairn::detail
