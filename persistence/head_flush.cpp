#include "head_flush.hpp"

#include "journal_meta.hpp"

#include <algorithm>
#include <cstring>

#include <pthread.h>

namespace cairn::detail {
namespace {

constexpr std::size_t least_slice = 16;
constexpr std::size_t most_rows_per_event = 8; // if the sorting came late: rather late than a pause
constexpr std::size_t most_rows_at_least = 1024;
constexpr std::size_t sorted_at_once = 512; // fewer are not worth a thread

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

head_flush::head_flush(head_table& table, std::size_t interval_events)
  : table_{table}, interval_{interval_events} {}

head_flush::~head_flush() {
  if (sorter_.joinable())
    sorter_.join();
}

void head_flush::mark(head_entry& entry) {
  if (entry.dirty_cycle == cycle_)
    return;
  entry.dirty_cycle = cycle_;
  dirty_.push_back(&entry);
}

std::size_t head_flush::slice_for(std::uint64_t position, std::size_t events) const noexcept {
  const std::size_t left = frozen_.size() - written_;
  if (hurried_)
    return std::min(left, events);
  const std::uint64_t deadline = last_freeze_ + interval_ / 2;
  const std::uint64_t events_left = deadline > position ? deadline - position : 0;
  const std::uint64_t share = (left * events) / (events_left + events) + 1;
  const std::size_t most = std::max(most_rows_per_event * events, most_rows_at_least);
  return std::min({left, std::max<std::size_t>(share, least_slice), most});
}

int head_flush::write_row(MDB_cursor* rows, const head_entry& entry) noexcept {
  const auto key = entry.key();
  head_record row{{}, entry.pending.version, entry.pending.position};
  seal_value(key, &row, sizeof(row));
  MDB_val lmdb_key{key.size(), const_cast<std::byte*>(key.data())};
  MDB_val value{sizeof(row), &row};
  return mdb_cursor_put(rows, &lmdb_key, &value, 0);
}

int head_flush::write_slice(MDB_txn* txn, const databases& dbs, std::uint64_t position,
                            std::size_t events) noexcept {
  prepared_ = 0;
  if (!active_ || events == 0 || !sorted_.load(std::memory_order_acquire))
    return 0;
  cursor rows;
  if (const int rc = rows.open(txn, dbs.heads))
    return rc;
  const std::size_t slice = slice_for(position, events);
  constexpr std::size_t ahead = 8; // each entry is a cache miss, unless fetched in time
  for (std::size_t i = written_; i < written_ + slice; ++i) {
    if (i + ahead < frozen_.size())
      __builtin_prefetch(frozen_[i + ahead]);
    if (const int rc = write_row(rows.get(), *frozen_[i]))
      return rc;
  }
  if (written_ + slice == frozen_.size())
    if (const int rc = write_checkpoint(txn, dbs, last_freeze_))
      return rc;
  prepared_ = slice;
  return 0;
}

void head_flush::committed(std::uint64_t position, std::size_t events) {
  if (prepared_ > 0) {
    written_ += std::exchange(prepared_, 0);
    if (written_ == frozen_.size())
      finish_cycle();
  }
  if (!active_ && position - last_freeze_ >= interval_)
    freeze(position);
  drop_clean(2 * events + least_slice);
  count_unflushed();
}

void head_flush::hurry(std::uint64_t position) {
  hurried_ = true;
  if (!active_ && !dirty_.empty())
    freeze(position);
  if (sorter_.joinable())
    sorter_.join();
  count_unflushed();
}

void head_flush::freeze(std::uint64_t position) {
  last_freeze_ = position;
  if (dirty_.empty())
    return;
  frozen_.swap(dirty_);
  ++cycle_;
  written_ = 0;
  active_ = true;
  if (frozen_.size() <= sorted_at_once) {
    sort_by_key(frozen_);
    sorted_.store(true, std::memory_order_relaxed);
    return;
  }
  // Frozen entries stay in the table and their keys never change, so the writer may go on.
  sorted_.store(false, std::memory_order_relaxed);
  sorter_ = std::thread{[this] {
    sort_by_key(frozen_);
    sorted_.store(true, std::memory_order_release);
  }};
  pthread_setname_np(sorter_.native_handle(), "cairn-sort");
}

void head_flush::finish_cycle() {
  if (sorter_.joinable())
    sorter_.join();
  active_ = false;
  written_ = 0;
  flushed_cycle_ = cycle_ - 1;
  clean_.push_back({flushed_cycle_, std::move(frozen_)});
  frozen_.clear();
}

void head_flush::drop_clean(std::size_t limit) {
  const std::size_t in_use = interval_ + dirty_.size() + frozen_.size();
  std::vector<head_entry*> dropped;
  while (limit-- > 0 && table_.size() > in_use + dropped.size()) {
    if (!loaded_.empty()) {
      if (loaded_.front()->dirty_cycle == 0)
        dropped.push_back(loaded_.front());
      loaded_.pop_front();
    } else if (clean_.empty()) {
      break;
    } else if (clean_list& oldest = clean_.front(); oldest.entries.empty()) {
      clean_.pop_front();
    } else {
      // An entry marked again stands in a later list, from which it will leave.
      if (oldest.entries.back()->dirty_cycle == oldest.cycle)
        dropped.push_back(oldest.entries.back());
      oldest.entries.pop_back();
    }
  }
  if (!dropped.empty())
    table_.erase(dropped);
}

void head_flush::count_unflushed() noexcept {
  unflushed_.store(dirty_.size() + frozen_.size() - written_, std::memory_order_relaxed);
}

} // namespace cairn::detail
