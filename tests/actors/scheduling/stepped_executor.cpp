#include "stepped_executor.hpp"

#include <utility>

namespace test {

using cairn::detail::executor;
using cairn::detail::intrusive_ptr;
using cairn::detail::runner;

struct stepped_executor::task {
  intrusive_ptr<runner> work; // null: it is over
  std::chrono::milliseconds interval{0};
  std::chrono::milliseconds due{0};
  std::size_t owed = 0; // turns
};

class stepped_executor::task_waker final : public executor::waker {
public:
  task_waker(stepped_executor& owner, std::shared_ptr<task> target)
    : owner_{owner}, target_{std::move(target)} {}
  void wake() noexcept override { owner_.wake(target_); }

private:
  stepped_executor& owner_;
  const std::shared_ptr<task> target_;
};

bool stepped_executor::run_once() {
  if (ready_.empty())
    return false;
  auto work = std::move(ready_.front());
  ready_.pop_front();
  const bool runs_already = std::exchange(running_, true);
  if (work())
    ready_.push_back(std::move(work));
  running_ = runs_already;
  return true;
}

void stepped_executor::run() {
  while (run_once()) {
  }
}

void stepped_executor::schedule(std::function<bool()> work) {
  ready_.push_back(std::move(work));
  if (runs_when_woken_ && !running_)
    run();
}

void stepped_executor::wake(const std::shared_ptr<task>& woken) {
  if (!woken->work || woken->owed++ > 0)
    return;
  schedule([woken] {
    if (woken->work && !woken->work->run())
      woken->work = {};
    return --woken->owed > 0;
  });
}

std::unique_ptr<executor::waker> stepped_executor::run_when_woken(intrusive_ptr<runner> work) {
  auto made = std::make_shared<task>();
  made->work = std::move(work);
  return std::make_unique<task_waker>(*this, std::move(made));
}

std::unique_ptr<executor::waker>
stepped_executor::run_periodically(intrusive_ptr<runner> work, std::chrono::milliseconds interval) {
  auto made = std::make_shared<task>();
  made->work = std::move(work);
  made->interval = interval;
  made->due = now_ + interval;
  periodic_.push_back(made);
  return std::make_unique<task_waker>(*this, std::move(made));
}

void stepped_executor::advance(std::chrono::milliseconds time) {
  now_ += time;
  for (const auto& each : periodic_) {
    if (!each->work || each->due > now_)
      continue;
    each->due = now_ + each->interval;
    wake(each);
  }
}

} // namespace test
