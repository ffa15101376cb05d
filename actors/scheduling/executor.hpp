#pragma once

#include "scheduling/runner.hpp"

#include <caf/actor.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

namespace cairn::detail {

/// Where the parts of an engine get their turns: on the threads of CAF's scheduler, or, in a
/// simulation, on the one thread that drives everything, in an order that a seed decides.
///
/// Nothing of it is on the way of a single command: lanes are scheduled for bursts of them.
class executor {
public:
  virtual ~executor() = default;

  /// Wakes a runner, from any thread. It is let go of together with this.
  class waker {
  public:
    virtual ~waker() = default;
    virtual void wake() noexcept = 0;
  };

  /// How many calls of `schedule`d work may be running at a time, at least 1.
  virtual std::size_t lanes() const = 0;

  /// Calls `work`, and again, after others had their turn, as long as it returns true.
  virtual void schedule(std::function<bool()> work) = 0;

  /// Calls `work->run()` for each wake-up, one call at a time, until it returns false.
  virtual std::unique_ptr<waker> run_when_woken(intrusive_ptr<runner> work) = 0;

  /// The same, and each `interval` as well.
  virtual std::unique_ptr<waker> run_periodically(intrusive_ptr<runner> work,
                                                  std::chrono::milliseconds interval) = 0;

  /// What an activation is among CAF's actors, until `retire_body`; empty: nothing.
  virtual caf::actor make_body() = 0;
  virtual void retire_body(const caf::actor& body) = 0;
};

} // namespace cairn::detail
