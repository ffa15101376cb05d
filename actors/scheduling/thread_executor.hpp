#pragma once

#include "scheduling/executor.hpp"

#include <cairn/result.hpp>

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace cairn::detail {

/// The executor on threads of its own and nothing else: one queue, served in order. What runs on it
/// runs without CAF, and so under ThreadSanitizer, which takes the synchronisation inside of a CAF
/// that was not built with it for none.
class thread_executor final : public executor {
public:
  /// `threads`: at least 1. Errors: `io_failed`: the system has no more threads to give.
  static result<std::shared_ptr<thread_executor>> start(std::size_t threads);
  /// As `stop`.
  ~thread_executor() override;

  std::size_t workers() const override { return threads_.size(); }
  void schedule(std::function<bool()> work) override;
  std::unique_ptr<waker> run_when_woken(intrusive_ptr<runner> work) override;
  std::unique_ptr<waker> run_periodically(intrusive_ptr<runner> work,
                                          std::chrono::milliseconds interval) override;
  /// What still waits for a turn is dropped.
  void stop() noexcept override;

private:
  using clock = std::chrono::steady_clock;
  class task;
  class task_waker;
  struct periodic {
    std::chrono::milliseconds interval;
    intrusive_ptr<task> what;
  };

  thread_executor() = default;
  void serve();
  void wake_due(); // under the lock

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<bool()>> ready_;
  std::multimap<clock::time_point, periodic> due_;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

} // namespace cairn::detail
