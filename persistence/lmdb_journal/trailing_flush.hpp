#pragma once

#include "lmdb_rows/databases.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

namespace cairn::detail {

/// Rows of one database that are made of the log and trail it: what is newer in memory than on
/// disk, and its way there. The writer's thread alone uses it, but for `sort_frozen`.
class trailing_rows {
public:
  virtual ~trailing_rows() = default;

  /// How many rows have been marked as newer than on disk since the last `freeze`.
  virtual std::size_t dirty() const noexcept = 0;

  /// What is marked so far is what the cycle that begins will write. Nothing is frozen before.
  virtual void freeze() = 0;

  /// How many rows the running cycle writes.
  virtual std::size_t frozen() const noexcept = 0;

  /// Brings what is frozen into the order of keys; on another thread, while the writer goes on.
  virtual void sort_frozen() = 0;

  /// Writes `count` of the frozen rows in the order of keys, from the one with the index `first`.
  virtual int write(MDB_txn* txn, const databases& dbs, std::size_t first,
                    std::size_t count) noexcept = 0;

  /// All of them are durable; nothing is frozen any more.
  virtual void finish() = 0;

  /// After each commit: lets go of some of what is in memory and on disk alike, in proportion to
  /// what has come in.
  virtual void tidy() {}
};

/// Brings all rows that trail the log up to date behind it, without a pause.
///
/// In cycles: once for every `interval` events what is newer than on disk is frozen, sorted on a
/// thread of its own, and written in key order, a slice in each commit, so that the cycle ends
/// within half an interval. With the last slice goes the checkpoint of each database: the log's
/// position when the cycle began, behind which no row is missing on disk. So opening a journal
/// replays at most two intervals, however many rows an event has, as long as a commit is small
/// against an interval.
///
/// The writer's thread alone uses it, but for `unflushed`.
class trailing_flush {
public:
  /// The sets must outlive it.
  trailing_flush(std::vector<trailing_rows*> sets, std::size_t interval_events);
  ~trailing_flush();
  trailing_flush(const trailing_flush&) = delete;
  trailing_flush& operator=(const trailing_flush&) = delete;

  /// Writes the slice that is due in a commit of `events` events up to `position`.
  int write_slice(MDB_txn* txn, const databases& dbs, cairn::position position,
                  std::size_t events) noexcept;

  /// The commit with the slice is durable, up to `position`: advances, begins a cycle if one is
  /// due, and lets the sets tidy up.
  void committed(cairn::position position);

  /// The commit with the slice was aborted.
  void aborted() noexcept { prepared_ = {}; }

  /// Ends the running cycle or begins one, for closing: then write slices with as many events as
  /// rows are wanted until nothing is left to do. False: nothing is.
  bool hurry(cairn::position position);

  /// Rows that are newer in memory than on disk. Any thread.
  std::size_t unflushed() const noexcept { return unflushed_.load(std::memory_order_relaxed); }

  /// Takes part of the log as already replayed: the tail counts towards the next cycle.
  void start_at(position checkpoint) noexcept { last_freeze_ = checkpoint_ = checkpoint; }

private:
  void freeze(cairn::position position);
  void sort();
  void finish_cycle();
  std::size_t dirty() const noexcept;
  std::size_t slice_for(cairn::position position, std::size_t events) const noexcept;
  int write_rows(MDB_txn* txn, const databases& dbs, std::size_t count) noexcept;
  void count_unflushed() noexcept;

  const std::vector<trailing_rows*> sets_;
  const std::size_t interval_;
  position last_freeze_;
  position checkpoint_;                 // the lowest on disk
  std::size_t frozen_ = 0;              // rows of the running cycle, one set after the other
  std::size_t written_ = 0;             // of these
  std::size_t most_rows_per_event_ = 0; // that a commit of this cycle writes
  struct slice {
    std::size_t rows = 0;
    bool last = false;
  } prepared_; // in the commit that is being written
  bool active_ = false;
  bool hurried_ = false;
  std::atomic<bool> sorted_ = false;
  std::thread sorter_;
  std::atomic<std::size_t> unflushed_ = 0;
};

} // namespace cairn::detail
