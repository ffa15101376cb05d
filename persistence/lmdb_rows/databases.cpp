#include "lmdb_rows/databases.hpp"

#include <array>
#include <string_view>

namespace cairn::detail {
namespace {

constexpr const char* log_name = "log";
constexpr const char* heads_name = "heads";
constexpr const char* meta_name = "meta";
constexpr const char* snapshots_name = "snapshots";
constexpr const char* schemas_name = "schemas";
constexpr const char* tags_name = "tags";
constexpr const char* reservations_name = "reservations";

/// Opens what the first version of the format did not have.
int open_added(MDB_txn* txn, unsigned flags, databases& opened) noexcept {
  const auto open = [&](const char* name, unsigned kind, MDB_dbi& database) {
    const int rc = mdb_dbi_open(txn, name, flags | kind, &database);
    if (rc != MDB_NOTFOUND)
      return rc;
    database = absent_database;
    return 0;
  };
  if (const int rc = open(schemas_name, MDB_INTEGERKEY, opened.schemas))
    return rc;
  if (const int rc = open(tags_name, 0, opened.tags))
    return rc;
  return open(reservations_name, 0, opened.reservations);
}

} // namespace

int open_databases(MDB_txn* txn, bool create, databases& opened) noexcept {
  const unsigned flags = create ? MDB_CREATE : 0U;
  if (const int rc = mdb_dbi_open(txn, meta_name, flags, &opened.meta))
    return rc;
  if (const int rc = mdb_dbi_open(txn, log_name, flags | MDB_INTEGERKEY, &opened.log))
    return rc;
  if (const int rc = mdb_dbi_open(txn, heads_name, flags, &opened.heads))
    return rc;
  if (const int rc = mdb_dbi_open(txn, snapshots_name, flags, &opened.snapshots))
    return rc;
  return open_added(txn, flags, opened);
}

int add_absent_databases(MDB_txn* txn, databases& opened) noexcept {
  return open_added(txn, MDB_CREATE, opened);
}

int find_misnamed_database(MDB_txn* txn, const databases& opened, std::string& name) {
  constexpr std::array<std::string_view, 7> known{
      log_name, heads_name, meta_name, snapshots_name, schemas_name, tags_name, reservations_name};
  const std::array added{opened.schemas, opened.tags, opened.reservations};
  if (std::ranges::find(added, absent_database) == added.end())
    return 0;
  MDB_dbi names = 0;
  if (const int rc = mdb_dbi_open(txn, nullptr, 0, &names))
    return rc;
  cursor at;
  if (const int rc = at.open(txn, names))
    return rc;
  MDB_val key{};
  MDB_val record{};
  int rc = 0;
  while ((rc = mdb_cursor_get(at.get(), &key, &record, MDB_NEXT)) == 0) {
    const std::string_view found{static_cast<const char*>(key.mv_data), key.mv_size};
    if (std::ranges::find(known, found) == known.end()) {
      name = found;
      return 0;
    }
  }
  return rc == MDB_NOTFOUND ? 0 : rc;
}

int last_log_position(MDB_txn* txn, const databases& dbs, cairn::position& last) noexcept {
  cursor log;
  if (const int rc = log.open(txn, dbs.log))
    return rc;
  words_view ignored;
  last = {};
  const int rc = get_positioned(log.get(), MDB_LAST, last, ignored);
  if (rc == 0 && last.shard() != shard_id{})
    return MDB_CORRUPTED;
  return rc == MDB_NOTFOUND ? 0 : rc;
}

error unreadable_end(int rc) {
  if (rc == MDB_CORRUPTED)
    return {errc::corrupt_journal, "the last record of the log is damaged"};
  return lmdb_error(errc::io_failed, "cannot read the log", rc);
}

} // namespace cairn::detail
