#pragma once

#include <cairn/function_ref.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <stop_token>

namespace cairn::detail {

/// Wakes those who wait for a journal's end to move. Costs the writer one atomic operation a commit
/// while nobody waits.
class commit_signal {
public:
  /// The end has moved: call it after the new end is visible, and without a lock that a waiter's
  /// `passed` takes. Any thread.
  void announce() noexcept;

  /// Returns once `passed` holds, at the deadline, when `interrupt` is requested, or on `close`.
  /// False: closed. `passed` is called under this object's lock.
  bool wait(std::chrono::steady_clock::time_point deadline, const std::stop_token& interrupt,
            function_ref<bool()> passed);

  /// Wakes all who wait and returns when they have left; later waits return at once.
  void close() noexcept;

private:
  std::atomic<std::size_t> waiting_ = 0; // changed under the lock, read without it by `announce`
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool closed_ = false;
};

} // namespace cairn::detail
