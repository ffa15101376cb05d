#include "lmdb_journal/lmdb_store.hpp"

#include "lmdb_rows/journal_meta.hpp"
#include "support/option_range.hpp"

#include <string>

namespace cairn::detail {
namespace {

// A commit's events and bytes are in memory several times, and what trails it is counted by them.
constexpr std::size_t most_commit_events = std::size_t{1} << 20;
constexpr std::size_t most_commit_bytes = std::size_t{1} << 30;

// A few small appends at a time.
constexpr std::size_t least_queued_bytes = std::size_t{4} << 10;

// Memory is made for twice as many heads when the journal is opened, 8 bytes for each.
constexpr std::size_t most_flush_interval_events = std::size_t{1} << 24;

result<void> check_options(const lmdb_journal_options& options) {
  return option_ranges{"lmdb_journal_options"}
      .check("map_bytes", options.map_bytes, least_map_bytes, most_map_bytes)
      .check("free_space_watermark_bytes", options.free_space_watermark_bytes, 0, most_map_bytes)
      .check("max_event_bytes", options.max_event_bytes, least_max_event_bytes,
             most_max_event_bytes)
      .check("max_commit_events", options.max_commit_events, 1, most_commit_events)
      .check("max_commit_bytes", options.max_commit_bytes, 1, most_commit_bytes)
      .check("max_queued_bytes", options.max_queued_bytes, least_queued_bytes)
      .check("flush_interval_events", options.flush_interval_events, 1, most_flush_interval_events)
      .check("max_readers", options.max_readers, 1, most_max_readers)
      .outcome();
}

result<databases> open_and_check(const lmdb_env& env, bool read_only, message_id& id) {
  transaction txn;
  if (const int rc = txn.begin(env, read_only ? MDB_RDONLY : 0U))
    return lmdb_error(errc::io_failed, "cannot begin to read the journal", rc);
  databases dbs;
  const int rc = open_databases(txn.get(), false, dbs);
  if (rc == MDB_NOTFOUND || rc == MDB_INCOMPATIBLE)
    return lmdb_error(errc::incompatible_format, "the file is not a journal", rc);
  if (rc != 0)
    return lmdb_error(errc::io_failed, "cannot open the journal's databases", rc);
  auto format = read_format(txn.get(), dbs);
  if (!format)
    return std::move(format).error();
  id = {format->id_high, format->id_low};
  std::string misnamed;
  if (const int failed = find_misnamed_database(txn.get(), dbs, misnamed))
    return lmdb_error(errc::io_failed, "cannot list the journal's databases", failed);
  if (!misnamed.empty())
    return error{errc::corrupt_journal,
                 "a database of the journal is missing, and there is an unknown one, \"" + misnamed
                     + "\": its name is damaged"};
  if (!read_only)
    if (const int failed = add_absent_databases(txn.get(), dbs))
      return lmdb_error(errc::io_failed, "cannot add to the journal's databases", failed);
  if (const int failed = txn.commit()) // keeps the handles
    return lmdb_error(errc::io_failed, "cannot open the journal's databases", failed);
  return dbs;
}

} // namespace

result<lmdb_store> open_store(const lmdb_journal_options& options, const store_options& how) {
  if (auto checked = check_options(options); !checked)
    return std::move(checked).error();
  auto file = open_file({.directory = options.directory,
                         .absence = "there is no journal",
                         .create = options.create,
                         .allow_fuse = options.allow_fuse,
                         .read_only = how.read_only,
                         .check_pages = how.check_pages,
                         .map_bytes = options.map_bytes,
                         .max_readers = options.max_readers},
                        [&](const lmdb_env& env) { return write_new_journal(env, how.new_id); });
  if (!file)
    return std::move(file).error();
  message_id id;
  auto dbs = open_and_check(file->env, how.read_only, id);
  if (!dbs)
    return std::move(dbs).error();
  return lmdb_store{*std::move(file), *dbs, id};
}

} // namespace cairn::detail
