#pragma once

#include "raw_lmdb.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace bench {

/// Of at least one value; of an even number, the mean of the two in the middle.
inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

/// Cairn's rate and the ceiling's, each the median of several runs.
struct rates {
  double own = 0;
  double ceiling = 0;
};

inline constexpr std::size_t rounds = 3;

/// Runs ceiling, own, ceiling, own, ..., ceiling, so that what else the machine does meanwhile
/// touches both alike. Both return a `measured`.
template <class Own, class Ceiling>
rates alternate(Own&& own, Ceiling&& ceiling) {
  std::vector<double> owns;
  std::vector<double> ceilings{ceiling().per_second()};
  for (std::size_t i = 0; i < rounds; ++i) {
    owns.push_back(own().per_second());
    ceilings.push_back(ceiling().per_second());
  }
  return {median(std::move(owns)), median(std::move(ceilings))};
}

} // namespace bench
