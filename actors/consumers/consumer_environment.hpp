#pragma once

#include "support/ask_clock.hpp"
#include "support/logger.hpp"

#include <chrono>
#include <memory>

namespace cairn::detail {

/// How consumers get their turns and their time. The defaults are those of production.
struct consumer_environment {
  /// false: they have no threads and never wait; the owner calls `turn`.
  bool by_threads = true;

  /// The clock of batches and rates; empty, and where it throws: `steady_clock`.
  application_clock now = {};

  /// What the application is told goes here; null: nowhere.
  std::shared_ptr<logger> log = {};

  /// Not under a lock that a function of the public interface takes, but for `consumer::lock`.
  std::chrono::steady_clock::time_point time() const {
    if (const auto asked = ask_clock(now))
      return *asked;
    else if (log)
      log->write_rarely(log->clock_failed, log_level::warning, "clock_failed",
                        {{"error", asked.error().message()}});
    return std::chrono::steady_clock::now();
  }
};

} // namespace cairn::detail
