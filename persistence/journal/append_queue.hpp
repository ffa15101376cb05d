#pragma once

#include <cairn/append.hpp>
#include <cairn/snapshot.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

namespace cairn::detail {

/// How much goes into one commit, and how much may wait.
struct queue_limits {
  std::size_t commit_events;
  std::size_t commit_bytes;
  std::size_t queued_bytes;
};

/// What the writer takes for one commit.
struct append_batch {
  std::vector<std::unique_ptr<append_operation>> operations;
  std::vector<snapshot_draft> snapshots;
  std::size_t events = 0;
  std::size_t bytes = 0;          ///< Of records.
  std::size_t snapshot_bytes = 0; ///< Of snapshots.

  bool empty() const noexcept { return operations.empty() && snapshots.empty(); }
};

/// What waits for the writer: operations in the order of their submission, and snapshots.
///
/// Any thread pushes, the writer's thread takes. It takes the whole queue with one swap, so that
/// those who push seldom meet it, and is woken only if it may be asleep.
class append_queue {
public:
  explicit append_queue(queue_limits limits) : limits_{limits} {}

  enum class answer { taken, full, closed };

  /// Takes the operation unless it is full or closed.
  answer push(std::unique_ptr<append_operation>& operation);

  /// Drops the snapshot if there are too many bytes of them, or if it is closed.
  void push_snapshot(snapshot_draft snapshot);

  /// What is next for a commit; waits for it, but not beyond `patience`: then the batch is empty.
  /// False once it is closed and nothing is left.
  bool take(append_batch& batch, std::chrono::milliseconds patience);

  /// The batch that `take` gave is done with: what it held may be queued again.
  void release(std::size_t operations, std::size_t bytes) noexcept;

  /// Nothing more is taken in.
  void close();
  /// Something is taken in again. Once it is closed and nothing is left.
  void open();

  std::size_t queued_operations() const noexcept { return queued_operations_; }
  std::size_t queued_bytes() const noexcept { return queued_bytes_; }

  /// What an operation counts towards the bytes that may be queued.
  static std::size_t weight(const append_operation& operation) noexcept {
    constexpr std::size_t itself = 256;
    return operation.events.bytes() + itself;
  }

private:
  bool refill(std::chrono::milliseconds patience);
  void fill_operations(append_batch& batch);
  void fill_snapshots(append_batch& batch);

  const queue_limits limits_;

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<std::unique_ptr<append_operation>> incoming_;
  std::vector<snapshot_draft> incoming_snapshots_;
  bool closed_ = false;
  bool asleep_ = false;

  std::atomic<std::size_t> queued_operations_ = 0;
  std::atomic<std::size_t> queued_bytes_ = 0;
  std::atomic<std::size_t> queued_snapshot_bytes_ = 0;

  // The writer's own.
  std::vector<std::unique_ptr<append_operation>> taken_;
  std::size_t next_taken_ = 0;
  std::deque<snapshot_draft> taken_snapshots_;
};

} // namespace cairn::detail
