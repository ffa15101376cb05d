#include "lmdb_rows/journal_meta.hpp"

#include "lmdb/meta_record.hpp"

#include <string>

namespace cairn::detail {
namespace {

const meta_key format_key = key_named("format");
const meta_key owner_key = key_named("owner");
const meta_key heads_key = key_named("heads");
const meta_key tags_key = key_named("tags");
const meta_key reservations_key = key_named("reserved");

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

namespace {

/// Sealed, so not by chance: but from here on it is counted with.
result<position> position_in(const checkpoint_record& record, std::string_view what) {
  const auto at = position::from_bits(record.position);
  if (at.shard() != shard_id{} || at == position::max())
    return error{errc::corrupt_journal, std::string{what} + " is at position " + to_string(at)
                                            + ", where no event can be"};
  return at;
}

/// Of a database that the first version of the format did not have.
result<position> read_added_checkpoint(MDB_txn* txn, const databases& dbs, MDB_dbi database,
                                       const meta_key& key, std::string_view what) {
  words_view value;
  if (database == absent_database || get_words(txn, dbs.meta, key, value) == MDB_NOTFOUND)
    return position{};
  auto record = read_meta<checkpoint_record>(txn, dbs.meta, key, what);
  if (!record)
    return std::move(record).error();
  return position_in(*record, what);
}

} // namespace

result<checkpoints> read_checkpoints(MDB_txn* txn, const databases& dbs) {
  constexpr std::string_view of_heads = "the journal's checkpoint of heads";
  const auto found = read_meta<checkpoint_record>(txn, dbs.meta, heads_key, of_heads);
  if (!found)
    return found.error();
  auto heads = position_in(*found, of_heads);
  if (!heads)
    return std::move(heads).error();
  auto tags =
      read_added_checkpoint(txn, dbs, dbs.tags, tags_key, "the journal's checkpoint of tags");
  if (!tags)
    return std::move(tags).error();
  auto reservations = read_added_checkpoint(txn, dbs, dbs.reservations, reservations_key,
                                            "the journal's checkpoint of reservations");
  if (!reservations)
    return std::move(reservations).error();
  return checkpoints{*heads, *tags, *reservations};
}

int write_owner_epoch(MDB_txn* txn, const databases& dbs, std::uint64_t epoch) noexcept {
  return write_meta(txn, dbs.meta, owner_key, owner_record{{}, epoch});
}

int write_checkpoints(MDB_txn* txn, const databases& dbs, position at) noexcept {
  for (const meta_key* key : {&heads_key, &tags_key, &reservations_key})
    if (const int rc = write_meta(txn, dbs.meta, *key, checkpoint_record{{}, at.bits()}))
      return rc;
  return 0;
}

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
  if (const int rc = write_checkpoints(txn.get(), dbs, {}))
    return rc;
  return txn.commit();
}

} // namespace cairn::detail
