#pragma once

#include "head_table.hpp"
#include "lmdb_env.hpp"

#include <atomic>
#include <deque>
#include <thread>

namespace cairn::detail {

/// Sorts entries by key. The keys share long prefixes (the aggregate type), so whole words of them
/// are compared, eight bytes at a time, and only where the words before are equal.
void sort_by_key(std::vector<head_entry*>& entries);

/// Brings the heads on disk up to date behind the log, without a pause.
///
/// In cycles: once for every `interval` events the list of heads newer than their rows is frozen,
/// sorted on a thread of its own, and written in key order, a slice in each commit, so that the
/// cycle ends within half an interval. With the last slice goes the checkpoint: the log's position
/// when the list was frozen, behind which no head is missing on disk. So opening a journal replays
/// at most two intervals.
///
/// The writer's thread alone uses it, but for `unflushed`.
class head_flush {
public:
  head_flush(head_table& table, std::size_t interval_events);
  ~head_flush();
  head_flush(const head_flush&) = delete;
  head_flush& operator=(const head_flush&) = delete;

  /// The entry's committed head is newer than its row.
  void mark(head_entry& entry);

  /// The entry was read from its row: it may leave the table once there are too many such.
  void note_loaded(head_entry& entry) { loaded_.push_back(&entry); }

  /// Writes the slice that is due in a commit of `events` events up to `position`.
  int write_slice(MDB_txn* txn, const databases& dbs, std::uint64_t position,
                  std::size_t events) noexcept;

  /// The commit with the slice is durable, up to `position`: advances, begins a cycle if one is
  /// due, and drops some clean entries if there are too many.
  void committed(std::uint64_t position, std::size_t events);

  /// The commit with the slice was aborted.
  void aborted() noexcept { prepared_ = 0; }

  /// Ends the running cycle or begins one, for closing: then write slices with as many events as
  /// rows are wanted until nothing is unflushed.
  void hurry(std::uint64_t position);

  /// Heads that are newer in memory than on disk. Any thread.
  std::size_t unflushed() const noexcept { return unflushed_.load(std::memory_order_relaxed); }

  /// Takes part of the log as already replayed: the tail counts towards the next cycle.
  void start_at(std::uint64_t checkpoint) noexcept { last_freeze_ = checkpoint; }

private:
  void freeze(std::uint64_t position);
  void finish_cycle();
  std::size_t slice_for(std::uint64_t position, std::size_t events) const noexcept;
  int write_row(MDB_cursor* rows, const head_entry& entry) noexcept;
  void drop_clean(std::size_t limit);
  void count_unflushed() noexcept;

  head_table& table_;
  std::size_t interval_;
  std::uint64_t cycle_ = 1;         // entries marked now belong to it
  std::uint64_t flushed_cycle_ = 0; // all entries marked up to it have their row
  std::uint64_t last_freeze_ = 0;   // position
  std::vector<head_entry*> dirty_;  // marked in this cycle
  std::vector<head_entry*> frozen_; // marked in the cycle before; in key order once sorted
  std::size_t written_ = 0;         // of frozen_
  std::size_t prepared_ = 0;        // of frozen_, in the commit that is being written
  bool active_ = false;
  bool hurried_ = false;
  std::atomic<bool> sorted_ = false;
  std::thread sorter_;
  std::atomic<std::size_t> unflushed_ = 0;

  struct clean_list {
    std::uint64_t cycle; // each entry stands in the list of the cycle it was last marked in
    std::vector<head_entry*> entries;
  };
  std::deque<clean_list> clean_;
  std::deque<head_entry*> loaded_; // entries of cycle 0, or marked since
};

} // namespace cairn::detail
