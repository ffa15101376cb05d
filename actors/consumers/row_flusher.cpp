#include "consumers/row_flusher.hpp"

#include "support/start_thread.hpp"

#include <utility>

namespace cairn::detail {

result<void> row_flusher::start() {
  auto started = start_thread("cairn-rows", [this] { run(); });
  if (!started)
    return std::move(started).error();
  thread_ = *std::move(started);
  return {};
}

void row_flusher::retire() {
  closing_ = true;
  const std::lock_guard lock{mutex_};
  wanted_.notify_all();
}

void row_flusher::stop() {
  retire();
  if (thread_.joinable() && thread_.get_id() != std::this_thread::get_id())
    thread_.join();
}

void row_flusher::rows_changed() {
  const auto unflushed = store_.unflushed();
  if (unflushed == unflushed_rows::none)
    return;
  const std::lock_guard lock{mutex_};
  auto& seen = unflushed == unflushed_rows::due ? is_due_ : any_unflushed_;
  if (!std::exchange(seen, true))
    wanted_.notify_all();
}

void row_flusher::flush_if_due() {
  if (store_.unflushed() != unflushed_rows::due)
    return;
  if (const auto flushed = store_.flush_all(); !flushed)
    (void)on_failure_(flushed.error());
}

void row_flusher::run() {
  std::unique_lock lock{mutex_};
  while (!closing_) {
    wanted_.wait(lock, [&] { return closing_ || any_unflushed_ || is_due_; });
    wanted_.wait_for(lock, interval_, [&] { return closing_ || is_due_; });
    any_unflushed_ = is_due_ = false;
    lock.unlock();
    bool again = true;
    if (!closing_)
      if (const auto flushed = store_.flush_gently(closing_); !flushed)
        again = on_failure_(flushed.error());
    const bool any_left = again && store_.unflushed() != unflushed_rows::none;
    lock.lock();
    any_unflushed_ = any_unflushed_ || any_left;
  }
}

} // namespace cairn::detail
