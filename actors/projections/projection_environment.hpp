#pragma once

#include "consumers/consumer_environment.hpp"
#include "tables/table_folders.hpp"

#include <functional>
#include <memory>

namespace cairn::detail {

class projection_model;

/// What the projections of a runtime run in. The defaults are those of production.
struct projection_environment {
  consumer_environment turns = {};

  /// Where a projection's tables are kept; empty: `make_table_folders`.
  std::function<std::unique_ptr<table_folders>(const projection_model&)> tables_of = {};
};

} // namespace cairn::detail
