#pragma once

#include "simulation/simulated_clients.hpp"
#include "simulation/simulated_executor.hpp"
#include "simulation/simulated_journal.hpp"
#include "simulation/simulated_projections.hpp"

#include "aggregates/engine.hpp"
#include "subscriptions/subscription_hub.hpp"

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
  std::uint64_t position = 0; ///< Of the last event seen.
  std::uint64_t version = 0;  ///< For those of one stream: of the last event seen.
  bool of_one_stream = false;
  bool skips = false; ///< Positions of what is not selected.
};

/// The runtime from one opening to the crash or the closing that ends it: the same parts that
/// `runtime` puts together, with the simulated ones in place of threads, clock and disk.
class simulated_process {
public:
  struct setup {
    aggregate_options hosting;
    engine_options engine;
    std::size_t max_batch_events = 1;
    std::size_t folding_threads = 1; ///< Of projections that are not inlined.
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

  bool journal_stopped() const noexcept { return log_->stopped(); }
  /// Everything has been taken in by everyone who follows the log.
  bool caught_up() const;

  /// Nothing of what is in memory matters any more. False: the runtime keeps requests that it will
  /// never answer, or aggregates that never leave; then this object cannot be destroyed.
  [[nodiscard]] bool crash();
  /// Begins an orderly closing: after this, turns go on until it is `closed`.
  void begin_closing();
  /// Whether all that was accepted is answered.
  bool answered() const noexcept { return engine_->admitted().drained(); }
  /// False: as for `crash`.
  [[nodiscard]] bool finish_closing();

  /// See `simulated_projections`.
  void check_rows() { projections_->check_rows(*disk_.log); }
  void intervene() { projections_->intervene(); }

private:
  void open_followers();
  void follow(std::size_t which);
  void take_in(simulated_follower& by, const event_view& event);
  void wait_between_attempts(std::chrono::milliseconds time);
  void look_after_projections();
  bool take_leave();
  bool wants_turn(std::chrono::nanoseconds due) const { return due <= run_.clock.now; }

  simulation_context& run_;
  const simulated_domain& domain_;
  simulated_disk& disk_;
  std::vector<simulated_follower>& followers_;
  const setup& setup_;

  std::unique_ptr<simulated_journal> log_;
  std::unique_ptr<simulated_projections> projections_;
  std::shared_ptr<simulated_executor> executor_;
  std::shared_ptr<subscription_hub> subscriptions_;
  std::shared_ptr<engine> engine_;
  std::vector<std::shared_ptr<aggregate_host>> hosts_; // by type
  std::vector<event_feed> feeds_;

  bool open_ = false;
  std::chrono::nanoseconds projections_due_{0};
  std::chrono::nanoseconds operator_due_{0};
  std::chrono::nanoseconds feeds_due_{0};
};

} // namespace cairn::detail
