// The queue that gives aggregates their turns.

#include "scheduling/run_queue.hpp"
#include "scheduling/thread_executor.hpp"

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

/// Workers that the test itself drives.
struct by_hand {
  explicit by_hand(std::size_t workers)
    : queue{workers, [this](std::size_t worker) { scheduled.push_back(worker); }} {}

  /// One call of `work` for the worker that was scheduled first.
  void work_once() {
    const auto worker = scheduled.front();
    scheduled.pop_front();
    if (queue.work(worker))
      scheduled.push_back(worker);
  }
  void work_all() {
    while (!scheduled.empty())
      work_once();
  }

  std::deque<std::size_t> scheduled;
  run_queue queue;
};

/// Workers on threads that live as long as this.
class on_threads {
public:
  explicit on_threads(std::size_t workers)
    : threads_{thread_executor::start(workers).value()}, queue{workers, [this](std::size_t worker) {
                                                                 threads_->schedule([this, worker] {
                                                                   return queue.work(worker);
                                                                 });
                                                               }} {}
  ~on_threads() { threads_->stop(); }

private:
  const std::shared_ptr<thread_executor> threads_;

public:
  run_queue queue;
};

} // namespace

TEST_CASE("runners get their turns in the order in which they were woken, one for each wake-up "
          "that met no other") {
  by_hand workers{1};
  std::string order;
  const auto a = runner_of([&] { return order += 'a', true; });
  const auto b = runner_of([&] { return order += 'b', true; });
  workers.queue.wake(*a);
  workers.queue.wake(*b);
  workers.queue.wake(*a); // it waits already
  CHECK(workers.scheduled.size() == 1);
  workers.work_all();
  CHECK(order == "ab");
  workers.queue.wake(*a);
  workers.work_all();
  CHECK(order == "aba");
}

TEST_CASE("a runner that is woken during its turn gets another one, after those that wait") {
  by_hand workers{1};
  std::string order;
  intrusive_ptr<scripted> a;
  a = runner_of([&] {
    order += 'a';
    if (order.size() < 3)
      workers.queue.wake(*a);
    return true;
  });
  const auto b = runner_of([&] { return order += 'b', true; });
  workers.queue.wake(*a);
  workers.queue.wake(*b);
  workers.work_all();
  CHECK(order == "aba");
  a = {};
}

TEST_CASE("the queue keeps a runner that waits, and lets go of it after its turn") {
  by_hand workers{2};
  const auto alive = std::make_shared<int>(0);
  const std::weak_ptr<int> seen = alive;
  {
    auto kept = alive;
    const auto a = runner_of([kept] { return ++*kept, true; });
    workers.queue.wake(*a);
  }
  CHECK(alive.use_count() == 2);
  workers.work_all();
  CHECK(alive.use_count() == 1);
  CHECK(*alive == 1);
}

TEST_CASE("a worker gives the thread back now and then, also if its runners never rest") {
  by_hand workers{1};
  int turns = 0;
  bool rests = false;
  intrusive_ptr<scripted> restless;
  restless = runner_of([&] {
    ++turns;
    if (!rests)
      workers.queue.wake(*restless);
    return true;
  });
  workers.queue.wake(*restless);
  workers.work_once();
  CHECK(workers.scheduled.size() == 1); // it wants to go on
  CHECK(turns > 1);
  rests = true;
  workers.work_all();
  restless = {};
}

TEST_CASE("a runner does not wait for a slow one while another worker has nothing to do") {
  on_threads workers{2};
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
    workers.queue.wake(*slow);
    for (const auto& each : quick)
      workers.queue.wake(*each);
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
  on_threads workers{3};
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
        workers.queue.wake(*each.runner);
      }
    });
  }
  for (auto& thread : threads)
    thread.join();
  std::unique_lock lock{mutex};
  changed.wait(lock, [&] { return taken.load() == wakers * wakes; });
  CHECK(overlaps.load() == 0);
}
