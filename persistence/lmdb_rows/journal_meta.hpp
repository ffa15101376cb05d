#pragma once

#include "lmdb_rows/databases.hpp"

#include <cairn/ids.hpp>

#include <algorithm>

/// What the database `meta` holds, and what a new journal consists of; specified in FORMAT.md.
namespace cairn::detail {

inline constexpr std::uint64_t journal_magic = 0x4c4e4a4e52494143; // "CAIRNJNL" in the file
inline constexpr std::uint64_t journal_format_version = 1;

/// Which format the file is in, and which journal it is.
struct format_record {
  struct seal seal;
  std::uint64_t magic;
  std::uint64_t format_version;
  std::uint64_t id_high;
  std::uint64_t id_low;
};

/// Which opening for writing owns the journal.
struct owner_record {
  struct seal seal;
  std::uint64_t epoch;
};

/// The position up to which the rows of one database that trails the log are complete.
struct checkpoint_record {
  struct seal seal;
  std::uint64_t position; // its bits
};

/// Errors: `incompatible_format`, `corrupt_journal`, `io_failed`.
result<format_record> read_format(MDB_txn* txn, const databases& dbs);
result<std::uint64_t> read_owner_epoch(MDB_txn* txn, const databases& dbs);

/// The checkpoint of each database that trails the log. One that is absent, or that an older
/// version did not know, is complete up to nothing.
struct checkpoints {
  position heads;
  position tags;
  position reservations;

  position lowest() const noexcept { return std::min({heads, tags, reservations}); }
};

result<checkpoints> read_checkpoints(MDB_txn* txn, const databases& dbs);

int write_owner_epoch(MDB_txn* txn, const databases& dbs, std::uint64_t epoch) noexcept;
/// All of them.
int write_checkpoints(MDB_txn* txn, const databases& dbs, position at) noexcept;

/// Writes what an empty journal with this id consists of into a new file. Returns LMDB's code.
int write_new_journal(const lmdb_env& env, message_id id) noexcept;

} // namespace cairn::detail
