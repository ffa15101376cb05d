#pragma once

#include "lmdb/lmdb_env.hpp"

#include <algorithm>
#include <string>

namespace cairn::detail {

/// The handle of a database that an older version of the program has not made. LMDB gives its own
/// list of free pages this number, so no database has it.
inline constexpr MDB_dbi absent_database = 0;

/// The databases of a journal; specified in FORMAT.md.
struct databases {
  MDB_dbi meta = 0;
  MDB_dbi log = 0;
  MDB_dbi heads = 0;
  MDB_dbi snapshots = 0;
  MDB_dbi schemas = absent_database;
  MDB_dbi tags = absent_database;
  MDB_dbi reservations = absent_database;
};

/// Opens the databases; creates them if `create`. Those that later versions have added may be
/// absent from a journal, and are absent then.
int open_databases(MDB_txn* txn, bool create, databases& opened) noexcept;

/// Creates those that are absent.
int add_absent_databases(MDB_txn* txn, databases& opened) noexcept;

/// Where one is absent, the name of another that this version does not know, if there is one: no
/// version makes the one without the other, so it is that database, under a damaged name.
int find_misnamed_database(MDB_txn* txn, const databases& opened, std::string& name);

/// Starts fetching the record after the next of `value`, when the log is read in order: LMDB fills
/// its pages downwards, so it lies below, about as far away as two such records are long.
inline void prefetch_after(words_view value) noexcept {
  constexpr std::size_t cache_line = 64, node_header = 16;
  const auto here = reinterpret_cast<std::uintptr_t>(value.data());
  const std::size_t bytes = std::min<std::size_t>(value.size_bytes(), 1024) + node_header;
  for (std::size_t i = 0; i < bytes; i += cache_line)
    __builtin_prefetch(reinterpret_cast<const void*>(here - 2 * bytes + i));
}

/// The last position in the log; the start if it is empty. MDB_CORRUPTED if its key is of another
/// shard than 0.
int last_log_position(MDB_txn* txn, const databases& dbs, cairn::position& last) noexcept;
/// What it means to a caller that `last_log_position` failed with `rc`.
error unreadable_end(int rc);

} // namespace cairn::detail
