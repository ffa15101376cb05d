#include "lmdb_rows/head_rows.hpp"

#include "lmdb_rows/head_table.hpp"
#include "lmdb_rows/log_tail.hpp"

#include <cstring>
#include <string>

namespace cairn::detail {
namespace {

bool decode(std::span<const std::byte> key, words_view value, stream_head& head) noexcept {
  if (!is_intact(key, value, words_of<head_record>))
    return false;
  head_record row;
  std::memcpy(&row, value.data(), sizeof(row));
  head = row.head();
  return true;
}

} // namespace

int read_head_row(MDB_txn* txn, MDB_dbi database, std::string_view name,
                  stream_head& head) noexcept {
  const stream_key key{name};
  words_view value;
  head = {};
  if (database == absent_database)
    return 0;
  const int rc = get_words(txn, database, key.bytes(), value);
  if (rc == MDB_NOTFOUND)
    return 0;
  if (rc != 0)
    return rc;
  return decode(key.bytes(), value, head) ? 0 : MDB_CORRUPTED;
}

bool decode_head_row(const MDB_val& key, const MDB_val& value, stream_head& head) noexcept {
  words_view words;
  return as_words(value, words)
         && decode({static_cast<const std::byte*>(key.mv_data), key.mv_size}, words, head);
}

error head_row_error(const stream_id& stream, int rc) {
  if (rc == MDB_CORRUPTED)
    return {errc::corrupt_journal, "the head of stream " + stream.name() + " is damaged"};
  return lmdb_error(errc::io_failed, "cannot read the head of stream " + stream.name(), rc);
}

result<std::optional<stream_id>> holder_at(MDB_txn* txn, const databases& dbs, stream_head at) {
  if (at.version.is_none())
    return std::optional<stream_id>{};
  auto name = stream_at(txn, dbs, at.position);
  if (!name)
    return std::move(name).error();
  auto stream = stream_id::parse(*name);
  if (!stream)
    return corrupt_event(at.position, "names no stream");
  return std::optional{*std::move(stream)};
}

error holder_row_error(std::string_view key, int rc) {
  if (rc == MDB_CORRUPTED)
    return {errc::corrupt_journal, "the reservation of key " + std::string{key} + " is damaged"};
  return lmdb_error(errc::io_failed, "cannot read the reservation of key " + std::string{key}, rc);
}

} // namespace cairn::detail
