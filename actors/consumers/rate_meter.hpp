#pragma once

#include <chrono>
#include <cstdint>
#include <deque>

namespace cairn::detail {

/// How many events a second were taken in, over the last seconds. One thread at a time.
class rate_meter {
public:
  using clock = std::chrono::steady_clock;

  void note(std::uint64_t events, clock::time_point begin, clock::time_point end) {
    if (!steps_.empty() && end - steps_.back().begin < resolution) {
      steps_.back().events += events;
      steps_.back().end = end;
    } else {
      steps_.push_back({events, begin, end});
    }
    while (steps_.front().end + window < end)
      steps_.pop_front();
  }

  double per_second(clock::time_point now) const {
    std::uint64_t events = 0;
    auto begin = now;
    for (const auto& each : steps_) {
      if (each.end + window < now)
        continue;
      if (events == 0)
        begin = each.begin;
      events += each.events;
    }
    const std::chrono::duration<double> time = now - begin;
    return time.count() > 0 ? static_cast<double>(events) / time.count() : 0;
  }

private:
  static constexpr std::chrono::seconds window{5};
  static constexpr std::chrono::milliseconds resolution{100};

  struct step {
    std::uint64_t events;
    clock::time_point begin;
    clock::time_point end;
  };
  std::deque<step> steps_;
};

} // namespace cairn::detail
