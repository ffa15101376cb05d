#include "lmdb_journal/trailing_flush.hpp"

#include "lmdb_rows/journal_meta.hpp"
#include "support/start_thread.hpp"

#include <algorithm>
#include <utility>

namespace cairn::detail {
namespace {

constexpr std::size_t least_slice = 16;
// If the sorting came late, rather late than a pause, but never slower than rows come in: at least
// so many rows an event, and at least twice as many as an event had in this cycle.
constexpr std::size_t rows_per_event_at_least = 8;
constexpr std::size_t most_rows_at_least = 1024;
constexpr std::size_t sorted_at_once = 512; // fewer are not worth a thread

} // namespace

trailing_flush::trailing_flush(std::vector<trailing_rows*> sets, std::size_t interval_events)
  : sets_{std::move(sets)}, interval_{interval_events} {}

trailing_flush::~trailing_flush() {
  if (sorter_.joinable())
    sorter_.join();
}

std::size_t trailing_flush::dirty() const noexcept {
  std::size_t rows = 0;
  for (const trailing_rows* set : sets_)
    rows += set->dirty();
  return rows;
}

std::size_t trailing_flush::slice_for(cairn::position position, std::size_t events) const noexcept {
  const std::size_t left = frozen_ - written_;
  if (hurried_)
    return std::min(left, events);
  const auto deadline = last_freeze_ + interval_ / 2;
  const std::uint64_t events_left = deadline > position ? deadline - position : 0;
  const std::uint64_t share = (left * events) / (events_left + events) + 1;
  const std::size_t most = std::max(most_rows_per_event_ * events, most_rows_at_least);
  return std::min({left, std::max<std::size_t>(share, least_slice), most});
}

int trailing_flush::write_rows(MDB_txn* txn, const databases& dbs, std::size_t count) noexcept {
  std::size_t skipped = written_; // of the sets before
  for (trailing_rows* set : sets_) {
    const std::size_t rows = set->frozen();
    if (const std::size_t here = skipped < rows ? std::min(rows - skipped, count) : 0; here > 0) {
      if (const int rc = set->write(txn, dbs, skipped, here))
        return rc;
      count -= here;
    }
    skipped -= std::min(skipped, rows);
  }
  return 0;
}

int trailing_flush::write_slice(MDB_txn* txn, const databases& dbs, cairn::position position,
                                std::size_t events) noexcept {
  prepared_ = {};
  if (!active_ || events == 0 || !sorted_.load(std::memory_order_acquire))
    return 0;
  const std::size_t rows = slice_for(position, events);
  if (const int rc = write_rows(txn, dbs, rows))
    return rc;
  const bool last = written_ + rows == frozen_;
  if (last)
    if (const int rc = write_checkpoints(txn, dbs, last_freeze_))
      return rc;
  prepared_ = {rows, last};
  return 0;
}

void trailing_flush::committed(cairn::position position) {
  const slice done = std::exchange(prepared_, {});
  written_ += done.rows;
  if (done.last)
    finish_cycle();
  if (!active_ && position - last_freeze_ >= interval_)
    freeze(position);
  for (trailing_rows* set : sets_)
    set->tidy();
  count_unflushed();
}

bool trailing_flush::hurry(cairn::position position) {
  hurried_ = true;
  if (!active_ && checkpoint_ < position)
    freeze(position);
  if (sorter_.joinable())
    sorter_.join();
  count_unflushed();
  return active_;
}

/// A cycle without rows is one, too: it moves the checkpoint.
void trailing_flush::freeze(cairn::position position) {
  const std::uint64_t events = std::max<std::uint64_t>(position - last_freeze_, 1);
  last_freeze_ = position;
  written_ = frozen_ = 0;
  for (trailing_rows* set : sets_) {
    set->freeze();
    frozen_ += set->frozen();
  }
  most_rows_per_event_ = std::max(rows_per_event_at_least, 2 * (frozen_ / events + 1));
  active_ = true;
  if (frozen_ <= sorted_at_once) {
    sort();
    return;
  }
  // What is frozen stays where it is and its keys never change, so the writer may go on.
  sorted_.store(false, std::memory_order_relaxed);
  auto started = start_thread("cairn-sort", [this] { sort(); });
  if (started)
    sorter_ = *std::move(started);
  else
    sort(); // rather a pause than a log whose tail grows without an end
}

void trailing_flush::sort() {
  for (trailing_rows* set : sets_)
    set->sort_frozen();
  sorted_.store(true, std::memory_order_release);
}

void trailing_flush::finish_cycle() {
  if (sorter_.joinable())
    sorter_.join();
  active_ = false;
  checkpoint_ = last_freeze_;
  written_ = frozen_ = 0;
  for (trailing_rows* set : sets_)
    set->finish();
}

void trailing_flush::count_unflushed() noexcept {
  unflushed_.store(dirty() + frozen_ - written_, std::memory_order_relaxed);
}

} // namespace cairn::detail
