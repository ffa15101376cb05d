#pragma once

#include "scheduling/runner.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

namespace cairn::detail {

/// Where the parts of an engine get their turns: on CAF's scheduler (`caf_executor`), on threads of
/// our own (`thread_executor`), or, in a simulation, on the one thread that drives everything, in
/// an order that a seed decides.
///
/// Nothing of it is on the way of a single command: workers are scheduled for bursts of them.
class executor {
public:
  virtual ~executor() = default;

  /// Wakes a runner, from any thread. The runner is kept at least as long as this.
  class waker {
  public:
    virtual ~waker() = default;
    virtual void wake() noexcept = 0;
  };

  /// True if one thread gives all turns and decides their order. The parts that use this executor
  /// then start no threads of their own for work that a turn can do.
  virtual bool is_one_thread() const noexcept { return false; }

  /// How many calls of `schedule`d work may be running at a time, at least 1.
  virtual std::size_t workers() const = 0;

  /// Calls `work`, and again, after others had their turn, as long as it returns true.
  virtual void schedule(std::function<bool()> work) = 0;

  /// Calls `work->run()` for each wake-up, one call at a time, until it returns false.
  virtual std::unique_ptr<waker> run_when_woken(intrusive_ptr<runner> work) = 0;

  /// The same, and each `interval` as well.
  virtual std::unique_ptr<waker> run_periodically(intrusive_ptr<runner> work,
                                                  std::chrono::milliseconds interval) = 0;

  /// Ends the threads that belong to the executor, if any do; nothing is run after that. Call it
  /// once, when every runner has ended, and not from a turn. The wakers are gone by then.
  virtual void stop() noexcept {}
};

} // namespace cairn::detail
