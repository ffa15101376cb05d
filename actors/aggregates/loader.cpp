#include "aggregates/loader.hpp"

#include "aggregates/activation.hpp"
#include "scheduling/executor.hpp"
#include "support/start_thread.hpp"

#include <algorithm>
#include <utility>

namespace cairn::detail {

loader::loader(executor& on, std::size_t at_once)
  : executor_{on}, at_once_{std::clamp<std::size_t>(at_once, 1, most_at_once)} {}

loader::~loader() {
  stop();
}

void loader::load(activation& who) {
  auto added = handle::share(&who);
  {
    const std::lock_guard lock{mutex_};
    waiting_.push_back(std::move(added));
    if (waiting_.size() <= idle_) {
      changed_.notify_one();
      return;
    }
    if (threads_.size() + in_turns_ >= at_once_ || start_thread())
      return;
    if (!threads_.empty())
      return; // those that run come to it
    ++in_turns_;
    added = std::move(waiting_.front());
    waiting_.pop_front();
  }
  load_in_turn(std::move(added));
}

std::size_t loader::waiting() const {
  const std::lock_guard lock{mutex_};
  return waiting_.size();
}

bool loader::start_thread() {
  if (executor_.is_one_thread())
    return false;
  auto started = detail::start_thread("cairn-loader", [this] { serve(); });
  if (!started)
    return false;
  threads_.push_back(*std::move(started));
  return true;
}

void loader::serve() {
  std::unique_lock lock{mutex_};
  for (;;) {
    ++idle_;
    changed_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
    --idle_;
    if (stopped_)
      return;
    auto next = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    next->load();
    next = {}; // it may be the last handle
    lock.lock();
  }
}

/// The turn does not touch this any more once it has let go of the last activation.
void loader::load_in_turn(handle first) {
  executor_.schedule([this, now = std::move(first)]() mutable {
    now->load();
    auto next = next_in_turn();
    const bool more = static_cast<bool>(next);
    now = std::move(next);
    return more;
  });
}

loader::handle loader::next_in_turn() {
  const std::lock_guard lock{mutex_};
  if (waiting_.empty()) {
    --in_turns_;
    return {};
  }
  auto next = std::move(waiting_.front());
  waiting_.pop_front();
  return next;
}

void loader::stop() noexcept {
  {
    const std::lock_guard lock{mutex_};
    stopped_ = true;
  }
  changed_.notify_all();
  for (auto& one : threads_)
    one.join();
  threads_.clear();
}

} // namespace cairn::detail
