#pragma once

#include "journal/append_queue.hpp"
#include "journal/commit_signal.hpp"
#include "journal/sequencer.hpp"
#include "lmdb/storage_watch.hpp"
#include "lmdb_journal/tail_index.hpp"

#include <cairn/journal.hpp>

#include <atomic>
#include <functional>
#include <thread>

namespace cairn::detail {

struct writer_options {
  std::size_t flush_interval_events;
  std::size_t free_space_watermark_bytes;
  std::filesystem::path directory;
  std::function<std::chrono::sys_time<std::chrono::nanoseconds>()> wall_clock;
};

/// The end of the log as everyone sees it. It outlives the writer: each opening of the file has a
/// writer of its own.
struct log_end {
  std::atomic<cairn::position> position = cairn::position{}; ///< Of the last durable event.
  commit_signal moved;                                       ///< Announces every commit.
};

/// Owns the write transaction: a thread that takes all that is queued, appends it in one
/// transaction, syncs once, and hands the operations back.
///
/// After a commit that failed nothing is written any more: what reached the disk is unknown, and
/// the kernel may have marked pages clean that never did. Nor once another process has taken the
/// journal over, which each write transaction looks for: everything fails with `not_owner` then.
class lmdb_writer {
public:
  /// All of them must outlive it, but for `dbs`.
  lmdb_writer(const lmdb_env& env, const databases& dbs, append_queue& queue, log_end& end,
              const writer_options& options);
  ~lmdb_writer();
  lmdb_writer(const lmdb_writer&) = delete;
  lmdb_writer& operator=(const lmdb_writer&) = delete;

  /// Reads what the heads on disk lack, takes the journal over (its epoch goes up by one, durably),
  /// opens the queue, and starts. Errors: those of opening a journal; then it is not started.
  result<void> start();

  /// Closes the queue, lets everything in it be written, flushes the heads, and ends the thread.
  /// Errors: `journal_stopped`, `not_owner`, `io_failed`.
  result<void> stop();

  /// Whether it has stopped writing, and what later calls are told then.
  bool stopped() const noexcept { return stopped_; }
  error why_stopped() const;

  /// Appends a generation of schemas (the words of its message), in a transaction of its own, which
  /// waits for the commit that is being written. Any thread. Errors: `storage_full`, `io_failed`,
  /// `journal_stopped`, `not_owner`.
  result<void> append_schemas(std::span<const std::uint64_t> message);

  /// What rows on disk may lack, as of the last durable commit.
  const tail_index& tail() const noexcept { return tail_; }
  void add_to(journal_status& status) const;

private:
  enum class trailing { with, without };

  result<void> take_over();
  result<void> replay_tail();
  void refuse_queued(const error& why);
  void run();
  void commit(append_batch& batch);
  bool commit_appends(append_batch& batch, std::uint64_t time_ns, trailing trail);
  int fill_transaction(MDB_txn* txn, append_batch& batch, trailing trail);
  int append_all(MDB_txn* txn, append_batch& batch);
  void prefetch(const std::vector<std::unique_ptr<append_operation>>& operations,
                std::size_t current) const noexcept;
  int write_snapshots(MDB_txn* txn, const append_batch& batch);
  std::optional<error> objection_of_storage(append_batch& batch);
  int check_owner(MDB_txn* txn);
  error why_aborted(int rc, std::string_view what) const;
  std::uint64_t now_ns() const;
  void publish(const append_batch& batch);
  void abandon(append_batch& batch, int rc);
  void commit_failed(append_batch& batch, int rc);
  void stop_writing(error why);
  void flush_all();

  const lmdb_env& env_;
  const databases dbs_;
  const writer_options& options_;
  append_queue& queue_;
  log_end& end_;
  tail_index tail_;
  std::optional<storage_watch> storage_;

  // From the beginning of a write transaction until it is known whether another may follow: LMDB
  // lets the next one in as soon as a commit has failed.
  std::mutex writing_mutex_;
  std::optional<error> owner_error_; // of the last look at who owns the journal

  // The thread's own.
  std::uint64_t epoch_ = 0;
  sequencer sequencer_;

  std::atomic<std::uint64_t> commits_ = 0;
  std::atomic<std::uint64_t> appended_events_ = 0;
  std::atomic<std::uint64_t> appended_bytes_ = 0;
  std::uint64_t replayed_at_open_ = 0;
  mutable std::mutex stopped_mutex_;
  std::optional<error> stopped_by_;
  std::atomic<bool> stopped_ = false;
  std::thread thread_;
};

} // namespace cairn::detail
