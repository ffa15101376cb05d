#pragma once

#include "tables/table_folders.hpp"

#include <chrono>
#include <functional>
#include <memory>

namespace cairn::detail {

class projection_model;

/// How the projections of a runtime get their turns, their time and their tables. What is empty
/// here is as in production.
struct fold_driving {
  /// false: they have no threads and never wait; who made them calls `projection_set::turn`.
  bool by_threads = true;

  /// The clock of batches and rates; empty: `steady_clock`.
  std::function<std::chrono::steady_clock::time_point()> now = {};

  /// Where a projection's tables are kept; empty: `make_table_shelf`.
  std::function<std::unique_ptr<table_shelf>(const projection_model&)> shelf_of = {};

  std::chrono::steady_clock::time_point time() const {
    return now ? now() : std::chrono::steady_clock::now();
  }
};

} // namespace cairn::detail
