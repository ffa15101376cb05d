#pragma once

#include <cstddef>
#include <cstdint>

namespace cairn {

/// A source of numbers that follow from a seed: the same on every machine and in every release of
/// the compiler, which the standard library's distributions are not. splitmix64 (Steele, Lea and
/// Flood, 2014): neighbouring seeds give unrelated numbers. Not for secrets.
class random_source {
public:
  explicit random_source(std::uint64_t seed) noexcept : state_{seed * 0x2545f4914f6cdd1dU} {}

  std::uint64_t next() noexcept {
    auto z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }

  /// A number in [0, `bound`); 0 if `bound` is 0. The bias is below 2^-32 for bounds below 2^32.
  std::uint64_t below(std::uint64_t bound) noexcept { return bound == 0 ? 0 : next() % bound; }

  /// A number in [`least`, `most`].
  std::uint64_t between(std::uint64_t least, std::uint64_t most) noexcept {
    const auto numbers = most - least + 1; // 0: all there are
    return numbers == 0 ? next() : least + below(numbers);
  }

  /// True with this probability.
  bool chance(double probability) noexcept {
    return static_cast<double>(next() >> 11) * 0x1.0p-53 < probability;
  }

  /// A random element of a non-empty range.
  template <class Range>
  decltype(auto) pick(Range& from) noexcept {
    return from[static_cast<std::size_t>(below(from.size()))];
  }

private:
  std::uint64_t state_;
};

} // namespace cairn
