#pragma once

#include <cairn/table_store.hpp>

#include <cstddef>

namespace cairn::detail {

/// So many times the rows that are due to be flushed may be unflushed; then `publish` waits.
inline constexpr std::size_t layers_before_waiting = 4;

/// Of a batch. Each has a view of its own.
inline constexpr std::size_t most_partitions = 64;

/// Errors: `invalid_argument`, naming the option and its range.
result<void> check_options(const table_store_options& options);

} // namespace cairn::detail
