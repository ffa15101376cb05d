#pragma once

#include "simulation/trace.hpp"

#include <cairn/simulation.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

namespace cairn::detail {

/// Time that passes when the simulation says so. It begins late enough for any time-out to lie
/// before.
struct virtual_clock {
  std::chrono::nanoseconds now = std::chrono::hours{1};

  std::chrono::steady_clock::time_point steady() const noexcept {
    return std::chrono::steady_clock::time_point{now};
  }
  std::chrono::sys_time<std::chrono::nanoseconds> wall() const noexcept {
    return std::chrono::sys_time<std::chrono::nanoseconds>{std::chrono::years{50} + now};
  }
};

/// A time that never comes.
inline constexpr auto never = std::chrono::nanoseconds::max();

/// What all parts of one run share. All chance comes from `random`, all time from `clock`.
struct simulation_context {
  simulation_context(std::uint64_t seed, const simulated_faults& with, bool written_down)
    : random{seed}, faults{with}, happened{written_down} {}

  /// Notes that a promise was broken; the first one counts.
  void fail(std::string what) {
    if (broken)
      return;
    note("BROKEN");
    happened.say(what);
    broken = std::move(what);
  }

  void note(const char* what, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0) {
    happened.note(clock.now, what, a, b, c);
  }

  /// So much time from now, at random.
  std::chrono::nanoseconds soon(std::chrono::nanoseconds most) {
    return clock.now
           + std::chrono::nanoseconds{random.below(static_cast<std::uint64_t>(most.count()))};
  }

  random_source random;
  virtual_clock clock;
  simulated_faults faults;
  trace happened;
  simulation_report figures;
  std::optional<std::string> broken;
};

} // namespace cairn::detail
