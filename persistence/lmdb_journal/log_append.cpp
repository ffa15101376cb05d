#include "lmdb_journal/log_append.hpp"

#include "lmdb_rows/head_rows.hpp"

#include <cstring>

namespace cairn::detail {

int log_append::find_head(const stream_id& stream, stream_head& head,
                          std::optional<error>& objection) {
  const int rc = tail_.find_head(txn_, dbs_, stream, stream_entry_);
  if (rc == 0)
    head = stream_entry_->pending;
  if (rc != MDB_CORRUPTED)
    return rc;
  objection = error{errc::corrupt_record, "the head of stream " + stream.name() + " is damaged"};
  return 0;
}

int log_append::find_holder(const std::string& key, std::string& holder,
                            std::optional<error>& objection) {
  head_entry* entry = nullptr;
  const int rc = tail_.find_holder(txn_, dbs_, key, entry);
  if (rc == MDB_CORRUPTED)
    objection = holder_row_error(key, rc);
  else if (rc != 0)
    return rc;
  else if (entry->pending.version.is_none())
    return 0;
  else if (auto name = stream_at(txn_, dbs_, entry->pending.position); !name)
    objection = std::move(name).error();
  else
    holder = *std::move(name);
  return 0;
}

int log_append::put(cairn::position position, std::span<const capnp::word> record) noexcept {
  MDB_val key{sizeof(position), &position};
  MDB_val value{record.size_bytes(), nullptr};
  if (const int rc = mdb_cursor_put(log_.get(), &key, &value, MDB_RESERVE | MDB_APPEND))
    return rc;
  CAIRN_ASSERT(reinterpret_cast<std::uintptr_t>(value.mv_data) % sizeof(std::uint64_t) == 0);
  std::memcpy(value.mv_data, record.data(), record.size_bytes());
  return 0;
}

int log_append::landed(const append_operation& operation, stream_head head) {
  const commit& landed = **operation.outcome;
  tail_.set_head(*stream_entry_, head);
  for (const auto& [wanted, record] : operation.events.reservations()) {
    head_entry* entry = nullptr;
    if (const int rc = tail_.find_holder(txn_, dbs_, wanted.key, entry))
      return rc;
    const stream_head holder{landed.first_version + record, landed.first_position + record};
    tail_.set_holder(*entry, wanted.release ? stream_head{} : holder);
  }
  for (const auto& tagged : operation.events.tags())
    tail_.add_tag_of_commit(tagged.tag, landed.first_position + tagged.record);
  return 0;
}

} // namespace cairn::detail
