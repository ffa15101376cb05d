#include "journal_meta.hpp"

#include <array>
#include <cstring>
#include <string>
#include <string_view>

namespace cairn::detail {
namespace {

using meta_key = std::array<std::byte, 8>;

meta_key key_named(std::string_view name) noexcept {
  meta_key key{};
  std::memcpy(key.data(), name.data(), name.size());
  return key;
}

const meta_key format_key = key_named("format");
const meta_key owner_key = key_named("owner");
const meta_key heads_key = key_named("heads");
const meta_key tags_key = key_named("tags");
const meta_key reservations_key = key_named("reserved");

template <class Record>
result<Record> read_record(MDB_txn* txn, const databases& dbs, const meta_key& key,
                           std::string_view what) {
  words_view value;
  const int rc = get_words(txn, dbs.meta, key, value);
  if (rc == MDB_NOTFOUND)
    return error{errc::corrupt_journal, "the journal has no " + std::string{what}};
  if (rc != 0 && rc != MDB_CORRUPTED)
    return lmdb_error(errc::io_failed, "cannot read the journal's " + std::string{what}, rc);
  if (rc == MDB_CORRUPTED || !is_intact(key, value, words_of<Record>))
    return error{errc::corrupt_journal, "the journal's " + std::string{what} + " is damaged"};
  Record record;
  std::memcpy(&record, value.data(), sizeof(record));
  return record;
}

template <class Record>
int write_record(MDB_txn* txn, const databases& dbs, const meta_key& key, Record record) noexcept {
  seal_value(key, &record, sizeof(record));
  MDB_val lmdb_key{key.size(), const_cast<std::byte*>(key.data())};
  MDB_val value{sizeof(record), &record};
  return mdb_put(txn, dbs.meta, &lmdb_key, &value, 0);
}

int write_new_journal(const lmdb_env& env, message_id id) noexcept {
  transaction txn;
  databases dbs;
  if (const int rc = txn.begin(env, 0))
    return rc;
  if (const int rc = open_databases(txn.get(), true, dbs))
    return rc;
  const format_record format{{}, journal_magic, journal_format_version, id.high(), id.low()};
  if (const int rc = write_record(txn.get(), dbs, format_key, format))
    return rc;
  if (const int rc = write_owner_epoch(txn.get(), dbs, 0))
    return rc;
  if (const int rc = write_checkpoints(txn.get(), dbs, 0))
    return rc;
  return txn.commit();
}

} // namespace

result<format_record> read_format(MDB_txn* txn, const databases& dbs) {
  auto record = read_record<format_record>(txn, dbs, format_key, "format record");
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
  auto record = read_record<owner_record>(txn, dbs, owner_key, "owner epoch");
  if (!record)
    return std::move(record).error();
  return record->epoch;
}

namespace {

/// Of a database that the first version of the format did not have.
result<std::uint64_t> read_added_checkpoint(MDB_txn* txn, const databases& dbs, MDB_dbi database,
                                            const meta_key& key, std::string_view what) {
  words_view value;
  if (database == absent_database || get_words(txn, dbs.meta, key, value) == MDB_NOTFOUND)
    return std::uint64_t{0};
  auto record = read_record<checkpoint_record>(txn, dbs, key, what);
  if (!record)
    return std::move(record).error();
  return record->position;
}

} // namespace

result<checkpoints> read_checkpoints(MDB_txn* txn, const databases& dbs) {
  auto heads = read_record<checkpoint_record>(txn, dbs, heads_key, "checkpoint of heads");
  if (!heads)
    return std::move(heads).error();
  auto tags = read_added_checkpoint(txn, dbs, dbs.tags, tags_key, "checkpoint of tags");
  if (!tags)
    return std::move(tags).error();
  auto reservations = read_added_checkpoint(txn, dbs, dbs.reservations, reservations_key,
                                            "checkpoint of reservations");
  if (!reservations)
    return std::move(reservations).error();
  return checkpoints{heads->position, *tags, *reservations};
}

int write_owner_epoch(MDB_txn* txn, const databases& dbs, std::uint64_t epoch) noexcept {
  return write_record(txn, dbs, owner_key, owner_record{{}, epoch});
}

int write_checkpoints(MDB_txn* txn, const databases& dbs, std::uint64_t position) noexcept {
  for (const meta_key* key : {&heads_key, &tags_key, &reservations_key})
    if (const int rc = write_record(txn, dbs, *key, checkpoint_record{{}, position}))
      return rc;
  return 0;
}

result<void> create_journal_file(const env_options& options, message_id id) {
  env_options draft = options;
  draft.file += ".new";
  std::filesystem::path draft_lock = draft.file;
  draft_lock += "-lock";
  std::error_code failure;
  std::filesystem::remove(draft.file, failure); // left by a crash while creating
  std::filesystem::remove(draft_lock, failure);
  {
    auto env = lmdb_env::open(draft);
    if (!env)
      return std::move(env).error();
    if (const int rc = write_new_journal(*env, id))
      return lmdb_error(errc::io_failed, "cannot write a new journal", rc);
    if (const int rc = mdb_env_sync(env->get(), 1))
      return lmdb_error(errc::io_failed, "cannot sync a new journal", rc);
  }
  std::filesystem::remove(draft_lock, failure);
  std::filesystem::rename(draft.file, options.file, failure);
  if (failure)
    return error{errc::io_failed,
                 "cannot name the new journal " + options.file.string() + ": " + failure.message()};
  return {};
}

} // namespace cairn::detail
