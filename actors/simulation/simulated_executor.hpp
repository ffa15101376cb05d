#pragma once

#include "simulation/context.hpp"

#include "scheduling/executor.hpp"

#include <vector>

namespace cairn::detail {

/// The executor on which one thread gives all turns, each to one that waits, by chance.
class simulated_executor final : public executor {
public:
  explicit simulated_executor(simulation_context& run) : run_{run} {}

  // By who drives the simulation.

  /// How many wait for a turn.
  std::size_t waiting() const noexcept { return ready_.size(); }
  /// Gives a turn to the one with this index.
  void turn(std::size_t index);
  /// Gives turns until nobody waits.
  void drain();

  /// When one that runs periodically is due; `never`: none is.
  std::chrono::nanoseconds next_due() const noexcept;
  /// Wakes those that are due.
  void wake_due();

  // The executor.
  bool is_one_thread() const noexcept override { return true; }
  std::size_t workers() const override { return 3; }
  void schedule(std::function<bool()> work) override { ready_.push_back(std::move(work)); }
  std::unique_ptr<waker> run_when_woken(intrusive_ptr<runner> work) override;
  std::unique_ptr<waker> run_periodically(intrusive_ptr<runner> work,
                                          std::chrono::milliseconds interval) override;

private:
  struct task;
  class task_waker;

  void wake(const std::shared_ptr<task>& woken);
  std::unique_ptr<waker> run(intrusive_ptr<runner> work, std::chrono::nanoseconds interval);
  std::chrono::nanoseconds due_after(std::chrono::nanoseconds interval) const noexcept;

  simulation_context& run_;
  std::vector<std::function<bool()>> ready_;
  std::vector<std::shared_ptr<task>> periodic_;
};

} // namespace cairn::detail
