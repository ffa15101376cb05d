#pragma once

#include "simulation/simulated_process.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace cairn::detail {

/// One run: what happens between the clients, the process and the disk, from the first opening to
/// the last check.
class simulated_run {
public:
  simulated_run(const simulation_options& options, const simulated_domain& domain,
                std::uint64_t seed, bool written_down);

  /// Runs, and checks; the figures are in `context().figures` afterwards, and what was broken in
  /// `context().broken`.
  void run();

  const simulation_context& context() const noexcept { return run_; }

private:
  void live();
  void choose_setup();
  void choose_followers();
  void open();
  void crash();
  void intervene();
  void break_down();
  void end_process(bool gone);
  void close();
  void shut_down();
  void reopen();
  bool among_turns(bool may_go_on);
  bool step();
  void look_for_progress();
  void wait_for_next();
  bool goes_on() const noexcept { return !run_.broken; }
  void until(bool (simulated_run::*reached)() const);
  void at_random(double a_run, void (simulated_run::*what)());
  bool served() const;
  bool settled() const;
  void finish();

  simulation_context run_;
  const simulation_options& options_;
  const simulated_domain& domain_;
  simulated_process::setup setup_;
  simulated_disk disk_;
  std::vector<simulated_follower> followers_;
  simulated_clients clients_;
  std::unique_ptr<simulated_process> process_;
  std::uint32_t incarnation_ = 0;
  std::chrono::nanoseconds reopens_at_ = never; // a journal that has stopped
  std::size_t steps_without_reply_ = 0; ///< In which the number of requests under way was the same.
  std::size_t last_under_way_ = 0;
};

} // namespace cairn::detail
