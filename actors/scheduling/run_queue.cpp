#include "scheduling/run_queue.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace cairn::detail {

bool queued_runner::wants_turn() noexcept {
  auto seen = turn_.load();
  for (;;) {
    switch (seen) {
      case turn::waits:
      case turn::runs_again: return false;
      case turn::none:
        if (turn_.compare_exchange_weak(seen, turn::waits))
          return true;
        break;
      case turn::runs:
        if (turn_.compare_exchange_weak(seen, turn::runs_again))
          return false;
        break;
    }
  }
}

bool queued_runner::end_turn() noexcept {
  auto expected = turn::runs;
  if (turn_.compare_exchange_strong(expected, turn::none))
    return false;
  turn_.store(turn::waits);
  return true;
}

run_queue::run_queue(std::size_t workers, std::function<void(std::size_t)> schedule)
  : schedule_{std::move(schedule)}, workers_(workers) {
  for (std::size_t i = workers; i > 0; --i)
    asleep_.push_back(i - 1);
}

run_queue::~run_queue() = default;

void run_queue::wake(queued_runner& who) {
  if (!who.wants_turn())
    return;
  std::optional<std::size_t> woken;
  {
    const std::lock_guard lock{mutex_};
    waiting_.push_back(handle::share(&who));
    woken = wake_worker();
  }
  if (woken)
    schedule_(*woken);
}

bool run_queue::work(std::size_t index, std::size_t turns) noexcept {
  auto& own = workers_[index];
  for (; turns > 0; --turns) {
    auto who = next_of(own);
    while (!who) {
      if (!take(own) && !take_over(own) && sleeps(index))
        return false;
      who = next_of(own);
    }
    give_turn(own, std::move(who));
  }
  return true;
}

run_queue::handle run_queue::next_of(worker& own) noexcept {
  const std::lock_guard lock{own.mutex};
  return own.next < own.end ? std::move(own.taken[own.next++]) : handle{};
}

/// Takes its share of those that wait, so that no worker has much while another has nothing.
bool run_queue::take(worker& own) noexcept {
  std::unique_lock shared{mutex_};
  std::unique_lock lock{own.mutex};
  const auto count = std::min(
      {waiting_.size(), most_taken, std::max<std::size_t>(1, waiting_.size() / workers_.size())});
  for (std::size_t i = 0; i < count; ++i) {
    own.taken[i] = std::move(waiting_.front());
    waiting_.pop_front();
  }
  own.next = 0;
  own.end = count;
  const auto woken = waiting_.empty() ? std::nullopt : wake_worker();
  shared.unlock();
  for (unsigned step = 0; step < queued_runner::prefetch_steps; ++step)
    for (std::size_t i = 0; i < count; ++i)
      own.taken[i]->prefetch(step); // under the lock: else another worker may take them over
  lock.unlock();
  if (woken)
    schedule_(*woken);
  return count > 0;
}

/// Takes half of what another worker has taken and not begun: that one may be held up by a slow
/// turn.
bool run_queue::take_over(worker& own) noexcept {
  std::array<handle, most_taken> found;
  std::size_t count = 0;
  for (auto& other : workers_) {
    if (&other == &own)
      continue;
    const std::lock_guard lock{other.mutex};
    const auto rest = other.end - other.next;
    while (count < (rest + 1) / 2)
      found[count++] = std::move(other.taken[--other.end]);
    if (count > 0)
      break;
  }
  const std::lock_guard lock{own.mutex};
  own.next = 0;
  own.end = count;
  std::move(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(count), own.taken.begin());
  return count > 0;
}

/// False: something has come meanwhile.
bool run_queue::sleeps(std::size_t index) noexcept {
  const std::lock_guard lock{mutex_};
  if (!waiting_.empty())
    return false;
  asleep_.push_back(index);
  return true;
}

void run_queue::give_turn(worker& own, handle who) noexcept {
  who->begin_turn();
  if (!who->run() || !who->end_turn())
    return;
  std::optional<std::size_t> woken;
  {
    const std::lock_guard shared{mutex_};
    const std::lock_guard lock{own.mutex};
    waiting_.push_back(std::move(who));
    if (own.next < own.end) // else this worker takes it next
      woken = wake_worker();
  }
  if (woken)
    schedule_(*woken);
}

/// A worker to be scheduled, if one sleeps.
std::optional<std::size_t> run_queue::wake_worker() noexcept {
  if (asleep_.empty())
    return std::nullopt;
  const auto woken = asleep_.back();
  asleep_.pop_back();
  return woken;
}

} // namespace cairn::detail
