#pragma once

#include "scheduling/runner.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

namespace cairn::detail {

/// A runner whose turns a `run_queue` gives: one at a time, and another one for each wake-up that
/// comes while it has its turn.
class queued_runner : public runner {
public:
  /// Steps by which what the next `run` touches is brought into the processor's cache: each step
  /// may follow the pointers that the step before it fetched.
  static constexpr unsigned prefetch_steps = 2;
  virtual void prefetch(unsigned step) const noexcept = 0;

private:
  friend class run_queue;

  enum class turn : std::uint8_t { none, waits, runs, runs_again };

  /// Whether it has to be queued now.
  bool wants_turn() noexcept;
  void begin_turn() noexcept { turn_.store(turn::runs); }
  /// Whether it has been woken during its turn, and so has to be queued again.
  bool end_turn() noexcept;

  std::atomic<turn> turn_{turn::none};
};

/// The runners that wait for a turn, and the workers in which they get it.
///
/// A worker is a task of the executor. It takes a few runners at a time: waking CAF's scheduler for
/// each would cost more than a turn does, and with several known in advance, what they touch is
/// fetched from memory while others run (with 100,000 aggregates nearly each is a cache miss). A
/// runner does not wait for a slow one in the same worker: workers take over from each other before
/// they sleep, and none sleeps while anything waits.
class run_queue {
public:
  /// `schedule(worker)` makes a thread of the executor call `work(worker)` once.
  run_queue(std::size_t workers, std::function<void(std::size_t)> schedule);
  ~run_queue();
  run_queue(const run_queue&) = delete;
  run_queue& operator=(const run_queue&) = delete;

  /// Gives the runner a turn soon. Any thread, also from within `run`.
  void wake(queued_runner& who);

  /// Then the executor's other work gets the thread.
  static constexpr std::size_t most_turns = 256;

  /// What a worker's thread does: gives up to `turns` turns. True: call again, after others had the
  /// thread; false: the worker sleeps until it is scheduled again.
  bool work(std::size_t worker, std::size_t turns = most_turns) noexcept;

private:
  using handle = intrusive_ptr<queued_runner>;

  // Enough to overlap the cache misses of a turn with other turns.
  static constexpr std::size_t most_taken = 16;
  /// What a worker has taken and not yet begun. On cache lines of its own.
  struct alignas(64) worker {
    std::mutex mutex;
    std::array<handle, most_taken> taken;
    std::size_t next = 0, end = 0;
  };

  handle next_of(worker& own) noexcept;
  bool take(worker& own) noexcept;
  bool take_over(worker& own) noexcept;
  bool sleeps(std::size_t index) noexcept;
  void give_turn(worker& own, handle who) noexcept;
  std::optional<std::size_t> wake_worker() noexcept;

  const std::function<void(std::size_t)> schedule_;
  std::vector<worker> workers_;

  std::mutex mutex_;
  std::deque<handle> waiting_;
  std::vector<std::size_t> asleep_; // workers
};

} // namespace cairn::detail
