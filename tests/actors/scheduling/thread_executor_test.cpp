#include "scheduling/thread_executor.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

using namespace cairn::detail;

namespace {

class scripted_runner final : public runner {
public:
  explicit scripted_runner(std::function<bool()> action) : action_{std::move(action)} {}
  bool run() noexcept override { return action_(); }

private:
  const std::function<bool()> action_;
};

intrusive_ptr<runner> runner_of(std::function<bool()> action) {
  return make_intrusive<scripted_runner>(std::move(action));
}

/// A number that threads raise and the test waits for.
class tally {
public:
  void add() {
    const std::lock_guard lock{mutex_};
    ++count_;
    changed_.notify_all();
  }
  void wait_for(int count) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return count_ >= count; });
  }
  int count() {
    const std::lock_guard lock{mutex_};
    return count_;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

} // namespace

TEST_CASE("a runner on threads has a turn for each wake-up, one at a time, whoever wakes it") {
  constexpr int wakers = 3, wakes = 2'000;
  const auto on = thread_executor::start(3).value();
  CHECK(on->workers() == 3);
  tally turns;
  int unguarded = 0; // by the turns alone: ThreadSanitizer looks at it, too
  const auto waker = on->run_when_woken(runner_of([&] {
    ++unguarded;
    turns.add();
    return true;
  }));
  std::vector<std::thread> threads;
  for (int t = 0; t < wakers; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < wakes; ++i)
        waker->wake();
    });
  }
  for (auto& thread : threads)
    thread.join();
  turns.wait_for(wakers * wakes);
  on->stop();
  CHECK(turns.count() == wakers * wakes);
  CHECK(unguarded == wakers * wakes);
}

TEST_CASE("a runner on threads that has ended is let go of, and not run again") {
  const auto on = thread_executor::start(2).value();
  tally turns;
  const auto alive = std::make_shared<int>(0);
  const auto waker = on->run_when_woken(runner_of([&, kept = alive] {
    turns.add();
    return turns.count() < 3;
  }));
  for (int i = 0; i < 10; ++i)
    waker->wake();
  turns.wait_for(3);
  on->stop();
  CHECK(turns.count() == 3);
  CHECK(alive.use_count() == 1); // although the waker is still here
}

TEST_CASE("work on threads is called again until it has had enough, and others get turns between") {
  const auto on = thread_executor::start(1).value();
  tally done;
  int endless = 0;
  bool enough = false; // one thread runs all of it
  on->schedule([&] {
    ++endless;
    if (enough)
      done.add();
    return !enough;
  });
  for (int i = 0; i < 3; ++i) {
    on->schedule([&, i, turns = 0]() mutable {
      if (++turns < 3)
        return true;
      if (i == 2)
        enough = true;
      done.add();
      return false;
    });
  }
  done.wait_for(4);
  on->stop();
  CHECK(endless >= 3);
}

TEST_CASE("a periodic runner on threads wakes itself, until it ends") {
  const auto on = thread_executor::start(2).value();
  tally turns;
  const auto waker = on->run_periodically(runner_of([&] {
                                            turns.add();
                                            return turns.count() < 4;
                                          }),
                                          std::chrono::milliseconds{1});
  turns.wait_for(4);
  waker->wake();
  on->stop();
  CHECK(turns.count() == 4);
}

TEST_CASE("stopping an executor of threads waits for the turn that is going on, and drops what "
          "waits for one") {
  const auto on = thread_executor::start(1).value();
  const auto waiting = std::make_shared<int>(0);
  tally begun, stopping;
  bool finished = false;
  on->schedule([&] {
    begun.add();
    stopping.wait_for(1);
    finished = true;
    return true; // it is not called again
  });
  begun.wait_for(1);
  on->schedule([kept = waiting] { return ++*kept, true; });
  std::thread releases{[&] { stopping.add(); }};
  on->stop();
  releases.join();
  CHECK(finished);
  CHECK(waiting.use_count() == 1);
  on->stop(); // a second time is no fault
}
