#pragma once

#include "lmdb_rows/databases.hpp"

#include <cairn/snapshot.hpp>

namespace cairn::detail {

/// Writes the snapshot unless a newer one is kept.
int write_snapshot(MDB_txn* txn, const databases& dbs, const snapshot_draft& snapshot) noexcept;

enum class snapshot_state { absent, damaged, visited };

/// Calls `visitor` with the stream's snapshot, if it is there and whole. Errors: `io_failed`.
result<snapshot_state> visit_snapshot(MDB_txn* txn, const databases& dbs, const stream_id& stream,
                                      function_ref<void(const snapshot_view&)> visitor);

} // namespace cairn::detail
