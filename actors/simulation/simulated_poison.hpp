#pragma once

#include "simulation/context.hpp"

#include <chrono>
#include <cstdint>
#include <map>

namespace cairn::detail {

/// Which events the handlers of a projection fail for, and for how long: decided when each is met
/// first, and kept across openings.
class simulated_poison {
public:
  enum class effect : std::uint8_t { none, before_rows, after_rows };

  /// What comes of handling the event there now.
  effect meet(simulation_context& run, cairn::position position) {
    const auto [at, first] = spells_.try_emplace(position);
    auto& found = at->second;
    if (first && run.random.chance(run.faults.poison_events))
      found = make(run);
    if (found.attempts == 0 && found.until <= run.clock.now)
      return effect::none;
    if (found.attempts > 0)
      --found.attempts;
    run.note("poison", position.bits(), found.attempts);
    return found.after_rows ? effect::after_rows : effect::before_rows;
  }

private:
  struct spell {
    std::uint64_t attempts = 0;
    std::chrono::nanoseconds until{0};
    bool after_rows = false;
  };

  static spell make(simulation_context& run) {
    ++run.figures.poison_events;
    spell made{.after_rows = run.random.chance(0.5)};
    switch (run.random.below(3)) {
      case 0: made.attempts = run.random.between(1, 6); break;
      case 1: made.until = run.soon(std::chrono::milliseconds{400}); break;
      default: made.until = never;
    }
    return made;
  }

  std::map<cairn::position, spell, position_order> spells_;
};

} // namespace cairn::detail
