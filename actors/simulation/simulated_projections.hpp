#pragma once

#include "simulation/simulated_poison.hpp"
#include "simulation/simulated_tables.hpp"

#include "core/runtime_core.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace cairn::detail {

/// What an operator was told to be on record.
struct told_decision {
  projection_decision::kind what;
  std::string reason; ///< No other has the same.
  std::uint32_t version;
  bool of_a_build; ///< Then it is on the list once the build serves.
};

/// What a crash leaves of one projection, and what is known of it across openings.
struct kept_projection {
  projection_mode mode = projection_mode::async;
  std::uint32_t raised_by = 0; ///< The program's version of it.
  durable_shelf tables = {};
  simulated_poison poison = {};
  std::vector<told_decision> told = {};
};

/// The projections of one process, and the operator who looks after them.
class simulated_projections {
public:
  /// `kept` has one for each projection of the domain. `between_attempts` is called with the pause
  /// that a projection makes before it tries an event again.
  simulated_projections(simulation_context& run, const simulated_domain& domain,
                        std::vector<kept_projection>& kept, projection_options options);

  /// For the runtime that they are opened in; this outlives it.
  projection_environment environment();

  /// Opens all of them; inline ones apply the events that there are. Call it before the functions
  /// below.
  void open_all(runtime_core& in);

  const std::vector<std::shared_ptr<projection_host>>& hosted() const noexcept { return hosted_; }
  /// Whether each has the rows of an event before its reply leaves, as `projection_mode` says.
  const std::vector<bool>& prompt() const noexcept { return prompt_; }

  /// Gives a turn to each that wants one.
  void turn();

  /// The operator looks after one of them, if it is paused or has stopped.
  void look_after_one();
  /// The operator pauses one, or has it rebuilt, or puts a raised version in place for the next
  /// opening.
  void intervene();

  /// All events up to `last` are in the tables, and nothing is to be looked after.
  bool caught_up(cairn::position last) const;

  /// Compares the rows and decisions with the journal `durable` and what the operator was told.
  void check_rows(const journal& durable);

  void crash() { crashed_ = true; }

private:
  class model; // of the application, poisoned

  std::size_t index_of(const projection_model& of) const;
  std::unique_ptr<projection_model> make_model(std::size_t which);
  void disturb(std::size_t which);
  void decide(std::size_t which, const projection_status& status);
  void rebuild(std::size_t which);
  bool expects_failure(errc code) const noexcept;
  void check_rows_of(std::size_t which, const journal& durable);
  void check_decisions_of(std::size_t which, const std::vector<projection_decision>& on_record);

  simulation_context& run_;
  const simulated_domain& domain_;
  std::vector<kept_projection>& kept_;
  const projection_options options_; // of those that are not inlined
  std::vector<std::shared_ptr<projection_host>> hosted_;
  std::vector<bool> prompt_;
  std::vector<bool> disturbed_; // since its last turn began
  bool crashed_ = false;
  runtime_core* core_ = nullptr;
};

} // namespace cairn::detail
