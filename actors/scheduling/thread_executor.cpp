#include "scheduling/thread_executor.hpp"

#include "support/start_thread.hpp"

#include <cairn/detail/deadline.hpp>

#include <atomic>
#include <utility>

namespace cairn::detail {

/// A runner and the wake-ups that it has not had a turn for.
class thread_executor::task final : public ref_counted {
public:
  explicit task(intrusive_ptr<runner> work) noexcept : work_{std::move(work)} {}

  /// Counts a wake-up. True: it has to be scheduled; false: it is, or it is over.
  bool wakes() noexcept { return !over() && owed_.fetch_add(1) == 0; }

  /// One turn; whether another one is owed.
  bool run() noexcept {
    if (work_ && !work_->run()) {
      over_.store(true);
      work_ = {};
    }
    return owed_.fetch_sub(1) > 1;
  }

  bool over() const noexcept { return over_.load(); }

private:
  intrusive_ptr<runner> work_; // touched in its turns only, which follow each other
  std::atomic<std::size_t> owed_{0};
  std::atomic<bool> over_{false};
};

class thread_executor::task_waker final : public executor::waker {
public:
  task_waker(thread_executor& owner, intrusive_ptr<task> target) noexcept
    : owner_{owner}, target_{std::move(target)} {}
  void wake() noexcept override {
    if (target_->wakes())
      owner_.schedule([target = target_] { return target->run(); });
  }

private:
  thread_executor& owner_;
  const intrusive_ptr<task> target_;
};

result<std::shared_ptr<thread_executor>> thread_executor::start(std::size_t threads) {
  std::shared_ptr<thread_executor> made{new thread_executor};
  made->threads_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) {
    auto one = start_thread("cairn-worker", [on = made.get()] { on->serve(); });
    if (!one)
      return std::move(one).error();
    made->threads_.push_back(*std::move(one));
  }
  return made;
}

thread_executor::~thread_executor() {
  stop();
}

void thread_executor::schedule(std::function<bool()> work) {
  // All of it under the lock: what is scheduled may be the last thing before the end of the engine
  // and of this, while the thread that schedules it is still here.
  const std::lock_guard lock{mutex_};
  ready_.push_back(std::move(work));
  changed_.notify_one();
}

std::unique_ptr<executor::waker> thread_executor::run_when_woken(intrusive_ptr<runner> work) {
  return std::make_unique<task_waker>(*this, make_intrusive<task>(std::move(work)));
}

std::unique_ptr<executor::waker>
thread_executor::run_periodically(intrusive_ptr<runner> work, std::chrono::milliseconds interval) {
  auto made = make_intrusive<task>(std::move(work));
  {
    const std::lock_guard lock{mutex_};
    due_.emplace(deadline_after(interval), periodic{interval, made});
  }
  changed_.notify_one(); // who waits may wait for longer than until it is due
  return std::make_unique<task_waker>(*this, std::move(made));
}

void thread_executor::serve() {
  std::unique_lock lock{mutex_};
  while (!stopped_) {
    wake_due();
    if (ready_.empty()) {
      if (due_.empty()) {
        changed_.wait(lock);
      } else {
        const auto next_due = due_.begin()->first; // the entry may be gone when the wait ends
        changed_.wait_until(lock, next_due);
      }
      continue;
    }
    auto work = std::move(ready_.front());
    ready_.pop_front();
    lock.unlock();
    const bool again = work();
    if (!again)
      work = {}; // before the lock: what it holds may be much
    lock.lock();
    if (again)
      ready_.push_back(std::move(work));
  }
}

void thread_executor::wake_due() {
  const auto now = clock::now();
  while (!due_.empty() && due_.begin()->first <= now) {
    auto entry = due_.extract(due_.begin());
    auto& what = entry.mapped().what;
    if (what->over())
      continue;
    if (what->wakes()) {
      ready_.push_back([target = what] { return target->run(); });
      changed_.notify_one();
    }
    entry.key() = later_by(now, saturated(entry.mapped().interval));
    due_.insert(std::move(entry));
  }
}

void thread_executor::stop() noexcept {
  {
    const std::lock_guard lock{mutex_};
    stopped_ = true;
  }
  changed_.notify_all();
  for (auto& thread : threads_)
    if (thread.joinable())
      thread.join();
  // Not under the lock: what is dropped may be the last that keeps an engine.
  const auto dropped = std::exchange(ready_, {});
  due_.clear();
}

} // namespace cairn::detail
