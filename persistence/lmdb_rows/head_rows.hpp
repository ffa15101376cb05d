#pragma once

#include "lmdb_rows/databases.hpp"

#include <cairn/append.hpp>
#include <cairn/ids.hpp>

#include <optional>
#include <string_view>

namespace cairn::detail {

/// The row of a name in `heads` or `reservations`; version and position 0 if there is none.
/// MDB_CORRUPTED if it is damaged.
int read_head_row(MDB_txn* txn, MDB_dbi database, std::string_view name,
                  stream_head& head) noexcept;

/// The same of a row that a cursor has found; false if it is damaged.
bool decode_head_row(const MDB_val& key, const MDB_val& value, stream_head& head) noexcept;

/// What it means to a caller that `read_head_row` failed with `rc`: `corrupt_journal` or
/// `io_failed`.
error head_row_error(const stream_id& stream, int rc);

/// The same for the row of a key in `reservations`.
error holder_row_error(std::string_view key, int rc);

/// The stream of the event that holds a key; nothing if `at` has no version. Errors: those of
/// `stream_at`.
result<std::optional<stream_id>> holder_at(MDB_txn* txn, const databases& dbs, stream_head at);

} // namespace cairn::detail
