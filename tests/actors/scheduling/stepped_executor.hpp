#pragma once

#include "scheduling/executor.hpp"

#include <deque>
#include <vector>

namespace test {

/// An executor without threads and with a clock of the test's: everything runs when the test says
/// so, in the order in which it was woken.
class stepped_executor final : public cairn::detail::executor {
public:
  /// Runs what was woken first, once; false: there is nothing.
  bool run_once();
  /// Runs until there is nothing.
  void run();

  /// Moves the clock on, and wakes what is due by then, each once.
  void advance(std::chrono::milliseconds time);

  /// From now on everything runs within the call that wakes it: for calls that block until it has.
  void run_when_woken() { runs_when_woken_ = true; }

  bool is_one_thread() const noexcept override { return true; }
  // Several, so that the others run on if a turn runs the rest from within.
  std::size_t workers() const override { return 4; }
  void schedule(std::function<bool()> work) override;
  std::unique_ptr<waker>
  run_when_woken(cairn::detail::intrusive_ptr<cairn::detail::runner> work) override;
  std::unique_ptr<waker> run_periodically(cairn::detail::intrusive_ptr<cairn::detail::runner> work,
                                          std::chrono::milliseconds interval) override;

private:
  struct task;
  class task_waker;

  void wake(const std::shared_ptr<task>& woken);

  std::deque<std::function<bool()>> ready_;
  std::vector<std::shared_ptr<task>> periodic_;
  std::chrono::milliseconds now_{0};
  bool runs_when_woken_ = false;
  bool running_ = false;
};

} // namespace test
