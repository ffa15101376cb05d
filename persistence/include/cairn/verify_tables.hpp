#pragma once

#include <cairn/table_store.hpp>

#include <cstdint>
#include <vector>

namespace cairn {

/// What `verify_tables` found.
struct table_verification {
  std::uint64_t rows = 0;      ///< Of all tables, the entries of their indexes included.
  std::uint64_t decisions = 0; ///< About events that could not be applied.
  std::vector<table_checkpoint> checkpoints; ///< In the order of shards; that of shard 0 first.
  bool unfinished_commit = false;            ///< As for `lmdb_verification`.
};

/// Reads all of a projection's tables and checks what reading trusts: that LMDB's pages, which have
/// no checksums, form correct trees, so that no row is hidden; and the checksum of every row.
/// Another process may write the tables meanwhile. It uses one read transaction, so their file
/// grows until it is done.
///
/// `options.directory` is where `tables.mdb` lies: below the journal's directory,
/// `projections/<name>/<version>/<generation>`. Damaged tables can be removed with the whole
/// directory of the projection: they are rebuilt from the log, but decisions are lost.
///
/// Errors: those of `table_store::open_for_reading`; `corrupt_record` or `corrupt_journal` for the
/// first damage found. A file that is cut short or damaged while it is read can still end the
/// process with a signal: run it in a child where that matters.
result<table_verification> verify_tables(table_store_options options);

} // namespace cairn
