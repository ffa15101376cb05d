#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace bench {

/// Counts durations so that any quantile can be read back within 1/64 of its value, as HdrHistogram
/// does (Tene): each power of two of nanoseconds is divided into 64 equal parts. Recording is one
/// relaxed increment and allowed from any thread; reading while others record gives a mixture.
class latency_histogram {
public:
  void record(std::chrono::nanoseconds duration) noexcept {
    const auto ns = duration.count() < 0 ? 0U : static_cast<std::uint64_t>(duration.count());
    counts_[index_of(ns)].fetch_add(1, std::memory_order_relaxed);
  }

  std::uint64_t total() const noexcept {
    std::uint64_t sum = 0;
    for (const auto& count : counts_)
      sum += count.load(std::memory_order_relaxed);
    return sum;
  }

  /// The duration that the share `quantile` (0 to 1) does not exceed, in microseconds, rounded up
  /// to the end of its part; 0 if nothing was recorded.
  double quantile_us(double quantile) const noexcept {
    const auto recorded = total();
    if (recorded == 0)
      return 0;
    const auto wanted = quantile * static_cast<double>(recorded);
    std::uint64_t seen = 0;
    for (std::size_t index = 0; index < counts_.size(); ++index) {
      seen += counts_[index].load(std::memory_order_relaxed);
      if (seen > 0 && static_cast<double>(seen) >= wanted)
        return static_cast<double>(end_of(index)) / 1000.0;
    }
    return 0;
  }

private:
  static constexpr unsigned part_bits = 6;
  static constexpr std::uint64_t parts = std::uint64_t{1} << part_bits;

  // Values below 64 have an index each; the value 2^k + r with k >= 6 falls into part r >> (k - 6)
  // of the (k - 5)th group.
  static constexpr std::size_t index_of(std::uint64_t ns) noexcept {
    if (ns < parts)
      return ns;
    const auto power = static_cast<unsigned>(std::bit_width(ns)) - 1;
    const auto shift = power - part_bits;
    return (std::uint64_t{shift} << part_bits) + (ns >> shift);
  }

  static constexpr std::uint64_t end_of(std::size_t index) noexcept {
    if (index < 2 * parts)
      return index;
    const auto shift = (index >> part_bits) - 1;
    return (((index & (parts - 1)) + parts + 1) << shift) - 1;
  }

  std::array<std::atomic<std::uint64_t>, (64 - part_bits + 1) * parts> counts_{};
};

} // namespace bench
