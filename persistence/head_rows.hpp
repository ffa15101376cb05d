#pragma once

#include "lmdb_env.hpp"

#include <string_view>

namespace cairn::detail {

/// The stream's row in `heads`; version and position 0 if there is none. MDB_CORRUPTED if it is
/// damaged.
int read_head_row(MDB_txn* txn, const databases& dbs, std::string_view stream,
                  stream_head& head) noexcept;

/// What it means to a caller that `read_head_row` failed with `rc`: `corrupt_journal` or
/// `io_failed`.
error head_row_error(const stream_id& stream, int rc);

} // namespace cairn::detail
