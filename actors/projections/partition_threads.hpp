#pragma once

#include <cairn/function_ref.hpp>
#include <cairn/result.hpp>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace cairn::detail {

/// Threads that work on something together, and sleep until there is more.
class partition_threads {
public:
  partition_threads() = default;
  ~partition_threads() { stop(); }
  partition_threads(const partition_threads&) = delete;
  partition_threads& operator=(const partition_threads&) = delete;

  /// Beside the caller's, so many. Errors: as for `start_thread`; then there are none.
  result<void> start(std::size_t threads);
  void stop();

  /// Calls `work(0)` in this thread, and at the same time `work(1)`, `work(2)`, ... in the others,
  /// one each; returns once all are through. `work` throws nothing. One caller at a time.
  void run(function_ref<void(std::size_t)> work);

  /// Besides the caller's.
  std::size_t size() const noexcept { return threads_.size(); }

private:
  void serve(std::size_t number);

  std::mutex mutex_;
  std::condition_variable begun_;
  std::condition_variable ended_;
  const function_ref<void(std::size_t)>* work_ = nullptr;
  std::uint64_t round_ = 0;
  std::size_t busy_ = 0;
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

} // namespace cairn::detail
