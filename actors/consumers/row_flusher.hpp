#pragma once

#include <cairn/table_store.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace cairn::detail {

/// Writes to disk what has become visible in memory, on a thread of its own: some time after the
/// first row, or at once when many are due. Without its thread, `flush_if_due` does it.
class row_flusher {
public:
  /// `on_failure` is called with each failure, waits until the next attempt is worth making, and
  /// returns whether there is to be one without more rows. `store` must outlive this.
  row_flusher(table_store& store, std::chrono::milliseconds interval,
              std::function<bool(const error&)> on_failure)
    : store_{store}, interval_{interval}, on_failure_{std::move(on_failure)} {}
  ~row_flusher() { stop(); }
  row_flusher(const row_flusher&) = delete;
  row_flusher& operator=(const row_flusher&) = delete;

  /// Errors: `io_failed`.
  result<void> start();
  /// Tells the thread to end; from any thread.
  void retire();
  /// Ends the thread. What is in memory stays there.
  void stop();

  /// Rows or a checkpoint may have become visible. Any thread.
  void rows_changed();

  /// In the caller's thread: writes all, if it is due.
  void flush_if_due();

private:
  void run();

  table_store& store_;
  const std::chrono::milliseconds interval_;
  const std::function<bool(const error&)> on_failure_;
  std::atomic<bool> closing_ = false;
  std::mutex mutex_;
  std::condition_variable wanted_;
  bool any_unflushed_ = false;
  bool is_due_ = false;
  std::thread thread_;
};

} // namespace cairn::detail
