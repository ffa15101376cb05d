#include "tables/table_options.hpp"

#include "lmdb/lmdb_env.hpp"
#include "support/option_range.hpp"

namespace cairn::detail {
namespace {

// Multiplied by `layers_before_waiting` and one more, it is a number still.
constexpr std::size_t most_unflushed = std::size_t{1} << 48;

} // namespace

result<void> check_options(const table_store_options& options) {
  return option_ranges{"table_store_options"}
      .check("flush_rows", options.flush_rows, 1, most_unflushed)
      .check("flush_bytes", options.flush_bytes, 1, most_unflushed)
      .check("flush_events", options.flush_events, 1, most_unflushed)
      .check("map_bytes", options.map_bytes, least_map_bytes, most_map_bytes)
      .check("free_space_watermark_bytes", options.free_space_watermark_bytes, 0, most_map_bytes)
      .check("max_readers", options.max_readers, 1, most_max_readers)
      .outcome();
}

} // namespace cairn::detail
