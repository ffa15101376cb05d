#pragma once

#include "lmdb/lmdb_file.hpp"
#include "lmdb_rows/databases.hpp"

#include <cairn/ids.hpp>
#include <cairn/lmdb_journal.hpp>

namespace cairn::detail {

/// An open journal's file and databases.
struct lmdb_store : lmdb_file {
  databases dbs;
  message_id id; ///< Which journal it is.
};

struct store_options {
  bool read_only = false;
  bool check_pages = false; ///< Look at every page before anything else is read.
  /// Names the journal if it is created; golden files need a fixed one.
  message_id new_id = message_id::random();
};

/// Opens the store, for writing (creating it if the options say so) or for reading, and checks what
/// can be checked without reading the log. Errors: those of opening a journal.
result<lmdb_store> open_store(const lmdb_journal_options& options, const store_options& how);

/// `open_lmdb_journal` with the id that the journal gets if it is created.
result<std::unique_ptr<journal>> open_lmdb_journal(lmdb_journal_options options, message_id new_id);

} // namespace cairn::detail
