#pragma once

#include "simulation/simulated_clients.hpp"
#include "simulation/simulated_executor.hpp"
#include "simulation/simulated_journal.hpp"
#include "simulation/simulated_projections.hpp"

#include "core/runtime_core.hpp"

#include <memory>
#include <vector>

namespace cairn::detail {

/// What a crash leaves.
struct simulated_disk {
  std::unique_ptr<journal> log;
  std::vector<kept_projection> projections; ///< The domain's.
};

/// One that follows the log, and remembers across openings how far it has come.
struct simulated_follower {
  event_selection selection;
  cairn::position position{}; ///< Of the last event seen.
  cairn::version version{};   ///< For those of one stream: of the last event seen.
  bool of_one_stream = false;
  bool skips = false; ///< Positions of what is not selected.
};

/// The runtime from one opening to the crash or the closing that ends it: the same `runtime_core`
/// that `runtime` is made of, with the simulated ones in place of threads, clock and disk.
class simulated_process {
public:
  struct setup {
    aggregate_options hosting;
    engine_options engine;
    std::size_t max_batch_events = 1;
    std::size_t threads = 1; ///< Of projections that are not inline.
  };

  simulated_process(simulation_context& run, const simulated_domain& domain, simulated_disk& disk,
                    std::vector<simulated_follower>& followers, const setup& with);
  ~simulated_process();
  simulated_process(const simulated_process&) = delete;
  simulated_process& operator=(const simulated_process&) = delete;

  simulated_service service(std::uint32_t incarnation) const;

  /// How many could go on now.
  std::size_t ready() const;
  /// Lets the one with this index go on.
  void turn(std::size_t index);
  std::chrono::nanoseconds next_due() const;

  bool journal_stopped() const noexcept { return log_.stopped(); }
  /// Everything has been taken in by everyone who follows the log.
  bool caught_up() const;

  /// Nothing of what is in memory matters any more. False: the runtime keeps requests that it will
  /// never answer, or aggregates that never leave; then this object cannot be destroyed.
  [[nodiscard]] bool crash();
  /// Begins to open the journal again in place, while everything else goes on: after this, turns go
  /// on, and steps are taken, until it `is_reopened`. A crash may come in between.
  void begin_reopening() { core_->begin_reopening(); }
  bool may_go_on_reopening() const noexcept { return core_->reopening_is_over(); }
  void go_on_reopening();
  bool is_reopened() const noexcept {
    return core_->next_reopening() == runtime_core::reopening::none;
  }
  /// Begins an orderly closing: after this, turns go on, and steps are taken, until it `is_closed`.
  /// A crash may come in between.
  void begin_closing();
  /// Whether the next step of closing may be taken.
  bool may_go_on_closing() const noexcept { return core_->step_is_over(); }
  void go_on_closing();
  bool is_closed() const noexcept { return core_->is_closed(); }

  /// See `simulated_projections`.
  void check_rows() { projections_->check_rows(*disk_.log); }
  void intervene() { projections_->intervene(); }

private:
  engine_options engine_setup() const;
  void open_followers();
  void follow(std::size_t which);
  void take_in(simulated_follower& by, const event_view& event);
  void wait_between_attempts(std::chrono::milliseconds time);
  void look_after_projections();
  bool wants_turn(std::chrono::nanoseconds due) const { return due <= run_.clock.now; }

  simulation_context& run_;
  const simulated_domain& domain_;
  simulated_disk& disk_;
  std::vector<simulated_follower>& followers_;
  const setup& setup_;

  const std::unique_ptr<simulated_projections> projections_;
  const std::shared_ptr<simulated_executor> executor_;
  const std::unique_ptr<runtime_core> core_;
  simulated_journal& log_;                             // the core's
  std::vector<std::shared_ptr<aggregate_host>> hosts_; // by type
  std::vector<event_feed> feeds_;

  bool open_ = false;
  std::chrono::nanoseconds projections_due_{0};
  std::chrono::nanoseconds operator_due_{0};
  std::chrono::nanoseconds feeds_due_{0};
};

} // namespace cairn::detail
