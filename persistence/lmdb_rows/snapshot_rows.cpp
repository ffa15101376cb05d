#include "lmdb_rows/snapshot_rows.hpp"

#include "lmdb_rows/head_table.hpp"

#include <cstring>

namespace cairn::detail {
namespace {

head_record header_in(words_view value) noexcept {
  head_record header;
  std::memcpy(&header, value.data(), sizeof(header));
  return header;
}

} // namespace

int write_snapshot(MDB_txn* txn, const databases& dbs, const snapshot_draft& snapshot) noexcept {
  const std::size_t message_bytes = snapshot.message.size() * sizeof(std::uint64_t);
  if (message_bytes > max_snapshot_bytes)
    return 0;
  const stream_key key{snapshot.stream.name()};
  words_view kept;
  const int found = get_words(txn, dbs.snapshots, key.bytes(), kept);
  if (found != 0 && found != MDB_NOTFOUND && found != MDB_CORRUPTED)
    return found;
  if (found == 0 && is_intact(key.bytes(), kept, words_of<head_record>)
      && header_in(kept).version > snapshot.at.version.number())
    return 0;
  MDB_val lmdb_key{key.bytes().size(), const_cast<std::byte*>(key.bytes().data())};
  MDB_val value{sizeof(head_record) + message_bytes, nullptr};
  if (const int rc = mdb_put(txn, dbs.snapshots, &lmdb_key, &value, MDB_RESERVE))
    return rc;
  CAIRN_ASSERT(reinterpret_cast<std::uintptr_t>(value.mv_data) % sizeof(std::uint64_t) == 0);
  auto* const bytes = static_cast<std::byte*>(value.mv_data);
  const head_record header{{}, snapshot.at.version.number(), snapshot.at.position.bits()};
  std::memcpy(bytes, &header, sizeof(header));
  std::memcpy(bytes + sizeof(header), snapshot.message.data(), message_bytes);
  seal_value(key.bytes(), bytes, value.mv_size);
  return 0;
}

result<snapshot_state> visit_snapshot(MDB_txn* txn, const databases& dbs, const stream_id& stream,
                                      function_ref<void(const snapshot_view&)> visitor) {
  const stream_key key{stream.name()};
  words_view value;
  const int rc = get_words(txn, dbs.snapshots, key.bytes(), value);
  if (rc == MDB_NOTFOUND)
    return snapshot_state::absent;
  if (rc != 0 && rc != MDB_CORRUPTED)
    return lmdb_error(errc::io_failed, "cannot read the snapshot of " + stream.name(), rc);
  if (rc == MDB_CORRUPTED || !is_intact(key.bytes(), value, words_of<head_record>))
    return snapshot_state::damaged;
  const head_record header = header_in(value);
  try {
    message_in_place message{value, words_of<head_record>};
    visitor({header.head(), message.root<format::SnapshotRecord>()});
  } catch (const kj::Exception&) {
    return snapshot_state::damaged;
  }
  return snapshot_state::visited;
}

} // namespace cairn::detail
