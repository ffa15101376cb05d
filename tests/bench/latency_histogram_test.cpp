#include "latency_histogram.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <memory>

using namespace std::chrono_literals;

TEST_CASE("a quantile is never below the recorded durations and at most 1/64 above") {
  for (std::int64_t ns = 1; ns < std::numeric_limits<std::int64_t>::max() / 3; ns = ns * 3 + 1) {
    const auto histogram = std::make_unique<bench::latency_histogram>();
    histogram->record(std::chrono::nanoseconds{ns});
    const auto read_ns = histogram->quantile_us(1) * 1000;
    CAPTURE(ns);
    CHECK(read_ns >= static_cast<double>(ns) * (1 - 1e-9));
    CHECK(read_ns <= static_cast<double>(ns) * (1 + 1.0 / 64) + 1e-6);
  }
}

TEST_CASE("quantiles divide what was recorded by its number") {
  const auto histogram = std::make_unique<bench::latency_histogram>();
  CHECK(histogram->quantile_us(0.5) == 0);
  for (int i = 0; i < 990; ++i)
    histogram->record(1us);
  for (int i = 0; i < 10; ++i)
    histogram->record(1s);
  CHECK(histogram->total() == 1000);
  CHECK(histogram->quantile_us(0.5) < 1.02);
  CHECK(histogram->quantile_us(0.99) < 1.02);
  CHECK(histogram->quantile_us(0.999) >= 1e6);
  histogram->record(-1ns);
  CHECK(histogram->quantile_us(0) == 0);
}
