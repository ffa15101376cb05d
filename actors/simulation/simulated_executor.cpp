#include "simulation/simulated_executor.hpp"

#include <algorithm>
#include <utility>

namespace cairn::detail {

struct simulated_executor::task {
  intrusive_ptr<runner> work; // null: it is over
  std::chrono::nanoseconds interval;
  std::chrono::nanoseconds due;
  bool woken = false;
};

class simulated_executor::task_waker final : public executor::waker {
public:
  task_waker(simulated_executor& owner, std::shared_ptr<task> target)
    : owner_{owner}, target_{std::move(target)} {}
  void wake() noexcept override { owner_.wake(target_); }

private:
  simulated_executor& owner_;
  const std::shared_ptr<task> target_;
};

void simulated_executor::turn(std::size_t index) {
  std::swap(ready_[index], ready_.back());
  auto work = std::move(ready_.back());
  ready_.pop_back();
  if (work())
    ready_.push_back(std::move(work));
}

void simulated_executor::drain() {
  while (!ready_.empty())
    turn(ready_.size() - 1);
}

void simulated_executor::wake(const std::shared_ptr<task>& woken) {
  if (!woken->work || std::exchange(woken->woken, true))
    return;
  ready_.push_back([woken] {
    woken->woken = false;
    if (!woken->work->run())
      woken->work = {};
    return false;
  });
}

std::unique_ptr<executor::waker> simulated_executor::run_when_woken(intrusive_ptr<runner> work) {
  return run(std::move(work), never);
}

std::unique_ptr<executor::waker>
simulated_executor::run_periodically(intrusive_ptr<runner> work,
                                     std::chrono::milliseconds interval) {
  return run(std::move(work), interval);
}

std::unique_ptr<executor::waker> simulated_executor::run(intrusive_ptr<runner> work,
                                                         std::chrono::nanoseconds interval) {
  const auto due = due_after(interval);
  auto made = std::make_shared<task>(task{std::move(work), interval, due});
  if (interval != never)
    periodic_.push_back(made);
  return std::make_unique<task_waker>(*this, std::move(made));
}

std::chrono::nanoseconds
simulated_executor::due_after(std::chrono::nanoseconds interval) const noexcept {
  return interval < never - run_.clock.now ? run_.clock.now + interval : never;
}

std::chrono::nanoseconds simulated_executor::next_due() const noexcept {
  auto next = never;
  for (const auto& each : periodic_)
    if (each->work)
      next = std::min(next, each->due);
  return next;
}

void simulated_executor::wake_due() {
  for (const auto& each : periodic_) {
    if (!each->work || each->due > run_.clock.now)
      continue;
    each->due = due_after(each->interval);
    wake(each);
  }
}

} // namespace cairn::detail
