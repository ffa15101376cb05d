#pragma once

#include "directory_guard.hpp"
#include "lmdb_env.hpp"

#include <cairn/ids.hpp>
#include <cairn/lmdb_journal.hpp>

namespace cairn::detail {

/// An open journal's directory, environment and databases.
struct lmdb_store {
  directory_guard guard;
  lmdb_env env;
  databases dbs;
};

/// Opens the store, for writing (creating it if the options say so) or for reading, and checks what
/// can be checked without reading the log. `new_id` names the journal if it is created; golden
/// files need a fixed one. Errors: those of opening a journal.
result<lmdb_store> open_store(const lmdb_journal_options& options, bool read_only,
                              message_id new_id = message_id::random());

/// `open_lmdb_journal` with the id that the journal gets if it is created.
result<std::unique_ptr<journal>> open_lmdb_journal(lmdb_journal_options options, message_id new_id);

} // namespace cairn::detail
