#include "lmdb_journal/lmdb_reads.hpp"

#include "journal/append_outcomes.hpp"
#include "lmdb_journal/head_rows.hpp"
#include "lmdb_journal/schema_rows.hpp"
#include "lmdb_journal/snapshot_rows.hpp"
#include "lmdb_journal/stream_walk.hpp"
#include "lmdb_journal/tag_rows.hpp"
#include "records/text_check.hpp"
#include "support/process_identity.hpp"

#include <utility>

namespace cairn::detail {

lmdb_reads::lmdb_reads(lmdb_store store, std::size_t max_readers)
  : process_{process_token()}, file_{std::make_unique<file_parts>(std::move(store), max_readers)} {}

lmdb_reads::~lmdb_reads() {
  if (inherited())
    (void)file_.release(); // the parent's: its locks are not ours
}

result<stream_head> lmdb_reads::head(const stream_id& stream) const {
  if (auto usable = check_usable(); !usable)
    return std::move(usable).error();
  auto found = locate(stream);
  if (!found)
    return std::move(found).error();
  return found->head;
}

result<std::uint64_t> lmdb_reads::replay(const stream_id& stream, std::uint64_t from_version,
                                         std::uint64_t to_version, event_visitor visitor) const {
  CAIRN_ASSERT(from_version >= 1);
  if (auto usable = check_usable(); !usable)
    return std::move(usable).error();
  auto found = locate(stream);
  if (!found)
    return std::move(found).error();
  return stream_walk{found->reader, stream}.replay(found->head, from_version, to_version, visitor);
}

result<std::uint64_t> lmdb_reads::replay_all(std::uint64_t from_position,
                                             event_visitor visitor) const {
  CAIRN_ASSERT(from_position >= 1);
  if (auto usable = check_usable(); !usable)
    return std::move(usable).error();
  auto found = locate_end();
  if (!found)
    return std::move(found).error();
  return replay_log(found->reader, from_position, found->last, visitor);
}

result<std::uint64_t> lmdb_reads::replay_tag(std::string_view tag, std::uint64_t from_position,
                                             event_visitor visitor) const {
  CAIRN_ASSERT(from_position >= 1);
  if (auto usable = check_usable(); !usable)
    return std::move(usable).error();
  if (auto checked = check_tag(tag); !checked)
    return std::move(checked).error();
  auto found = locate_tag(tag, from_position);
  if (!found)
    return std::move(found).error();
  return replay_tagged(found->reader, tag, from_position, found->last, found->positions, visitor);
}

result<std::optional<stream_id>> lmdb_reads::holder_of(std::string_view key) const {
  if (auto usable = check_usable(); !usable)
    return std::move(usable).error();
  if (auto checked = check_key(key); !checked)
    return std::move(checked).error();
  auto found = locate_key(key);
  if (!found)
    return std::move(found).error();
  return holder_at(found->reader.txn(), found->reader.dbs(), found->head);
}

result<void> lmdb_reads::visit_streams(std::string_view prefix, stream_visitor visitor) const {
  if (auto usable = check_usable(); !usable)
    return usable;
  auto found = locate_streams(prefix);
  if (!found)
    return std::move(found).error();
  return visit_head_rows(found->reader, prefix, std::move(found->heads), visitor);
}

result<bool> lmdb_reads::load_snapshot(const stream_id& stream,
                                       function_ref<void(const snapshot_view&)> visitor) const {
  auto reader = acquire();
  if (!reader)
    return std::move(reader).error();
  auto state = visit_snapshot(reader->txn(), reader->dbs(), stream, visitor);
  if (!state)
    return std::move(state).error();
  if (*state == snapshot_state::damaged)
    damaged_snapshots_.fetch_add(1, std::memory_order_relaxed);
  return *state == snapshot_state::visited;
}

result<void> lmdb_reads::visit_schemas(function_ref<void(const schema_generation&)> visitor) const {
  auto reader = acquire();
  if (!reader)
    return std::move(reader).error();
  return visit_schema_rows(reader->txn(), reader->dbs(), visitor);
}

journal_status lmdb_reads::status() const {
  journal_status status;
  add_to(status);
  status.damaged_snapshots = damaged_snapshots_.load(std::memory_order_relaxed);
  if (!inherited())
    status.oldest_reader = file_->readers.oldest();
  return status;
}

result<void> lmdb_reads::close() {
  if (inherited())
    return inherited_error();
  const std::lock_guard lock{close_mutex_};
  if (closed_.exchange(true))
    return {};
  auto ended = end();
  file_->readers.close();
  file_->store.env.close();
  file_->store.guard.leave();
  return ended;
}

bool lmdb_reads::inherited() const noexcept {
  return process_token() != process_;
}

result<void> lmdb_reads::check_usable() const {
  if (inherited())
    return inherited_error();
  if (closed_.load(std::memory_order_acquire))
    return shut_down_error();
  return {};
}

result<journal_reader> lmdb_reads::acquire() const {
  if (auto usable = check_usable(); !usable)
    return std::move(usable).error();
  return file_->readers.acquire();
}

} // namespace cairn::detail
