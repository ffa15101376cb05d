#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <vector>

namespace numbers {

/// The values of a type at which a number goes wrong, if it does.
template <std::unsigned_integral Number>
std::vector<Number> extremes() {
  constexpr auto most = std::numeric_limits<Number>::max();
  return {0, 1, 2, most / 2, most / 2 + 1, most - 1, most};
}

template <std::same_as<double> Number>
std::vector<Number> extremes() {
  using limits = std::numeric_limits<double>;
  return {0,
          -0.0,
          1,
          -1,
          limits::denorm_min(),
          limits::max(),
          limits::lowest(),
          limits::infinity(),
          -limits::infinity(),
          limits::quiet_NaN()};
}

template <std::same_as<std::chrono::milliseconds> Time>
std::vector<Time> extremes() {
  using namespace std::chrono_literals;
  return {0ms, 1ms, -1ms, Time::max(), Time::min(), Time::max() - 1ms};
}

template <std::same_as<std::chrono::steady_clock::time_point> Time>
std::vector<Time> extremes() {
  return {Time::min(), Time{}, std::chrono::steady_clock::now(), Time::max()};
}

} // namespace numbers
