#pragma once

#include <chrono>
#include <functional>

namespace cairn::detail {

/// How consumers get their turns and their time. The defaults are those of production.
struct consumer_environment {
  /// false: they have no threads and never wait; the owner calls `turn`.
  bool by_threads = true;

  /// The clock of batches and rates; empty: `steady_clock`.
  std::function<std::chrono::steady_clock::time_point()> now = {};

  std::chrono::steady_clock::time_point time() const {
    return now ? now() : std::chrono::steady_clock::now();
  }
};

} // namespace cairn::detail
