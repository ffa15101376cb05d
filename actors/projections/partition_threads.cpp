#include "projections/partition_threads.hpp"

#include "support/start_thread.hpp"

#include <utility>

namespace cairn::detail {

result<void> partition_threads::start(std::size_t threads) {
  while (threads_.size() < threads) {
    auto started =
        start_thread("cairn-partition", [this, number = threads_.size() + 1] { serve(number); });
    if (!started) {
      stop();
      return std::move(started).error();
    }
    threads_.push_back(*std::move(started));
  }
  return {};
}

void partition_threads::stop() {
  {
    const std::lock_guard lock{mutex_};
    closing_ = true;
    begun_.notify_all();
  }
  for (auto& each : threads_)
    each.join();
  threads_.clear();
}

void partition_threads::run(function_ref<void(std::size_t)> work) {
  {
    const std::lock_guard lock{mutex_};
    work_ = &work;
    busy_ = threads_.size();
    ++round_;
    begun_.notify_all();
  }
  work(0);
  std::unique_lock lock{mutex_};
  ended_.wait(lock, [this] { return busy_ == 0; });
}

void partition_threads::serve(std::size_t number) {
  std::unique_lock lock{mutex_};
  for (std::uint64_t seen = 0;;) {
    begun_.wait(lock, [&] { return closing_ || round_ != seen; });
    if (closing_)
      return;
    seen = round_;
    const auto& work = *work_;
    lock.unlock();
    work(number);
    lock.lock();
    if (--busy_ == 0)
      ended_.notify_all();
  }
}

} // namespace cairn::detail
