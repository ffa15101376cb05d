#include "journal_meta.hpp"

#include "meta_record.hpp"

#include <string>

namespace cairn::detail {
namespace {

const meta_key format_key = key_named("format");
const meta_key owner_key = key_named("owner");
const meta_key checkpoint_key = key_named("heads");

int write_new_journal(const lmdb_env& env, message_id id) noexcept {
  transaction txn;
  databases dbs;
  if (const int rc = txn.begin(env, 0))
    return rc;
  if (const int rc = open_databases(txn.get(), true, dbs))
    return rc;
  const format_record format{{}, journal_magic, journal_format_version, id.high(), id.low()};
  if (const int rc = write_meta(txn.get(), dbs.meta, format_key, format))
    return rc;
  if (const int rc = write_owner_epoch(txn.get(), dbs, 0))
    return rc;
  if (const int rc = write_checkpoint(txn.get(), dbs, 0))
    return rc;
  return txn.commit();
}

} // namespace

result<format_record> read_format(MDB_txn* txn, const databases& dbs) {
  auto record = read_meta<format_record>(txn, dbs.meta, format_key, "the journal's format record");
  if (!record)
    return record;
  if (record->magic != journal_magic)
    return error{errc::incompatible_format, "the file is not a journal of this program"};
  if (record->format_version != journal_format_version)
    return error{errc::incompatible_format, "the journal has format "
                                                + std::to_string(record->format_version)
                                                + "; this version knows format 1"};
  return record;
}

result<std::uint64_t> read_owner_epoch(MDB_txn* txn, const databases& dbs) {
  auto record = read_meta<owner_record>(txn, dbs.meta, owner_key, "the journal's owner epoch");
  if (!record)
    return std::move(record).error();
  return record->epoch;
}

result<std::uint64_t> read_checkpoint(MDB_txn* txn, const databases& dbs) {
  auto record = read_meta<checkpoint_record>(txn, dbs.meta, checkpoint_key,
                                             "the journal's checkpoint of heads");
  if (!record)
    return std::move(record).error();
  return record->position;
}

int write_owner_epoch(MDB_txn* txn, const databases& dbs, std::uint64_t epoch) noexcept {
  return write_meta(txn, dbs.meta, owner_key, owner_record{{}, epoch});
}

int write_checkpoint(MDB_txn* txn, const databases& dbs, std::uint64_t position) noexcept {
  return write_meta(txn, dbs.meta, checkpoint_key, checkpoint_record{{}, position});
}

result<void> create_journal_file(const env_options& options, message_id id) {
  return create_env_file(options, [&](const lmdb_env& env) { return write_new_journal(env, id); });
}

} // namespace cairn::detail
