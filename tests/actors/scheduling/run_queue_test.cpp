// The queue that gives aggregates their turns, without CAF: its lanes are threads here.

#include "scheduling/run_queue.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace cairn::detail;

namespace {

/// A runner that does what the test says, and counts.
class scripted final : public queued_runner {
public:
  explicit scripted(std::function<bool()> action) : action_{std::move(action)} {}

  bool run() noexcept override { return action_(); }
  void prefetch(unsigned) const noexcept override {}

private:
  const std::function<bool()> action_;
};

intrusive_ptr<scripted> runner_of(std::function<bool()> turn) {
  return make_intrusive<scripted>(std::move(turn));
}

/// Lanes that the test itself drives.
struct by_hand {
  explicit by_hand(std::size_t lanes)
    : queue{lanes, [this](std::size_t lane) { scheduled.push_back(lane); }} {}

  /// One call of `work` for the lane that was scheduled first.
  void work_once() {
    const auto lane = scheduled.front();
    scheduled.pop_front();
    if (queue.work(lane))
      scheduled.push_back(lane);
  }
  void work_all() {
    while (!scheduled.empty())
      work_once();
  }

  std::deque<std::size_t> scheduled;
  run_queue queue;
};

/// Lanes on threads that live as long as this.
class on_threads {
public:
  explicit on_threads(std::size_t lanes)
    : queue{lanes, [this](std::size_t lane) { schedule(lane); }} {
    for (std::size_t i = 0; i < lanes; ++i)
      threads_.emplace_back([this] { serve(); });
  }
  ~on_threads() {
    {
      const std::lock_guard lock{mutex_};
      ended_ = true;
    }
    changed_.notify_all();
    for (auto& thread : threads_)
      thread.join();
  }

private:
  void schedule(std::size_t lane) {
    const std::lock_guard lock{mutex_};
    scheduled_.push_back(lane);
    changed_.notify_one();
  }

  void serve() {
    for (;;) {
      std::unique_lock lock{mutex_};
      changed_.wait(lock, [this] { return ended_ || !scheduled_.empty(); });
      if (scheduled_.empty())
        return;
      const auto lane = scheduled_.front();
      scheduled_.pop_front();
      lock.unlock();
      if (queue.work(lane))
        schedule(lane);
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::size_t> scheduled_;
  bool ended_ = false;

public:
  run_queue queue;

private:
  std::vector<std::thread> threads_;
};

} // namespace

TEST_CASE("runners get their turns in the order in which they were woken, one for each wake-up "
          "that met no other") {
  by_hand lanes{1};
  std::string order;
  const auto a = runner_of([&] { return order += 'a', true; });
  const auto b = runner_of([&] { return order += 'b', true; });
  lanes.queue.wake(*a);
  lanes.queue.wake(*b);
  lanes.queue.wake(*a); // it waits already
  CHECK(lanes.scheduled.size() == 1);
  lanes.work_all();
  CHECK(order == "ab");
  lanes.queue.wake(*a);
  lanes.work_all();
  CHECK(order == "aba");
}

TEST_CASE("a runner that is woken during its turn gets another one, after those that wait") {
  by_hand lanes{1};
  std::string order;
  intrusive_ptr<scripted> a;
  a = runner_of([&] {
    order += 'a';
    if (order.size() < 3)
      lanes.queue.wake(*a);
    return true;
  });
  const auto b = runner_of([&] { return order += 'b', true; });
  lanes.queue.wake(*a);
  lanes.queue.wake(*b);
  lanes.work_all();
  CHECK(order == "aba");
  a = {};
}

TEST_CASE("the queue keeps a runner that waits, and lets go of it after its turn") {
  by_hand lanes{2};
  const auto alive = std::make_shared<int>(0);
  const std::weak_ptr<int> seen = alive;
  {
    auto kept = alive;
    const auto a = runner_of([kept] { return ++*kept, true; });
    lanes.queue.wake(*a);
  }
  CHECK(alive.use_count() == 2);
  lanes.work_all();
  CHECK(alive.use_count() == 1);
  CHECK(*alive == 1);
}

TEST_CASE("a lane gives the thread back now and then, also if its runners never rest") {
  by_hand lanes{1};
  int turns = 0;
  bool rests = false;
  intrusive_ptr<scripted> restless;
  restless = runner_of([&] {
    ++turns;
    if (!rests)
      lanes.queue.wake(*restless);
    return true;
  });
  lanes.queue.wake(*restless);
  lanes.work_once();
  CHECK(lanes.scheduled.size() == 1); // it wants to go on
  CHECK(turns > 1);
  rests = true;
  lanes.work_all();
  restless = {};
}

TEST_CASE("a runner does not wait for a slow one while another lane has nothing to do") {
  on_threads lanes{2};
  std::mutex mutex;
  std::condition_variable changed;
  int done = 0;
  constexpr int others = 40;
  // Every fortieth runner blocks until all that were woken after it have had their turn.
  const auto slow = runner_of([&] {
    std::unique_lock lock{mutex};
    changed.wait(lock, [&] { return done == others; });
    return true;
  });
  std::vector<intrusive_ptr<scripted>> quick;
  for (int i = 0; i < others; ++i) {
    quick.push_back(runner_of([&] {
      const std::lock_guard lock{mutex};
      ++done;
      changed.notify_all();
      return true;
    }));
  }
  {
    const std::lock_guard hold{mutex}; // so that all are there before the first has gone on
    lanes.queue.wake(*slow);
    for (const auto& each : quick)
      lanes.queue.wake(*each);
  }
  std::unique_lock lock{mutex};
  changed.wait(lock, [&] { return done == others; });
  CHECK(done == others);
}

TEST_CASE("no wake-up is lost and no runner has two turns at once, whoever wakes whom") {
  constexpr int runners = 64, wakers = 4, wakes = 20'000;
  struct counted {
    std::atomic<int> owed{0};
    std::atomic<bool> runs{false};
    intrusive_ptr<scripted> runner;
  };
  std::vector<counted> all(runners);
  std::atomic<int> taken{0};
  std::atomic<int> overlaps{0};
  std::mutex mutex;
  std::condition_variable changed;
  on_threads lanes{3};
  for (auto& each : all) {
    each.runner = runner_of([&] {
      overlaps += each.runs.exchange(true) ? 1 : 0;
      const auto now = taken += each.owed.exchange(0);
      each.runs.store(false);
      if (now == wakers * wakes) {
        const std::lock_guard lock{mutex};
        changed.notify_all();
      }
      return true;
    });
  }
  std::vector<std::thread> threads;
  for (int t = 0; t < wakers; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < wakes; ++i) {
        auto& each = all[static_cast<std::size_t>(i * 7 + t) % runners];
        ++each.owed;
        lanes.queue.wake(*each.runner);
      }
    });
  }
  for (auto& thread : threads)
    thread.join();
  std::unique_lock lock{mutex};
  changed.wait(lock, [&] { return taken.load() == wakers * wakes; });
  CHECK(overlaps.load() == 0);
}
