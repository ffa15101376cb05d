#include "lmdb_journal/lmdb_reads.hpp"

#include "journal/append_outcomes.hpp"
#include "lmdb_rows/head_rows.hpp"
#include "lmdb_rows/schema_rows.hpp"
#include "lmdb_rows/snapshot_rows.hpp"
#include "lmdb_rows/stream_walk.hpp"
#include "lmdb_rows/tag_rows.hpp"
#include "records/text_check.hpp"
#include "support/only_shard.hpp"
#include "support/process_identity.hpp"

#include <utility>

namespace cairn::detail {

lmdb_reads::lmdb_reads(lmdb_store store, std::size_t max_readers)
  : process_{process_token()}, max_readers_{max_readers}, file_{std::make_unique<file_parts>(
                                                              std::move(store), max_readers)} {}

lmdb_reads::~lmdb_reads() {
  if (inherited())
    (void)file_.release(); // the parent's: its locks are not ours
}

result<stream_head> lmdb_reads::head(const stream_id& stream) const {
  const use file{*this};
  if (auto allowed = file.allowed(); !allowed)
    return std::move(allowed).error();
  auto found = locate(stream);
  if (!found)
    return std::move(found).error();
  return found->head;
}

result<cairn::version> lmdb_reads::replay(const stream_id& stream, cairn::version from_version,
                                          cairn::version to_version, event_visitor visitor) const {
  const use file{*this};
  if (auto allowed = file.allowed(); !allowed)
    return std::move(allowed).error();
  if (auto checked = check_replay_from(from_version); !checked)
    return std::move(checked).error();
  auto found = locate(stream);
  if (!found)
    return std::move(found).error();
  return stream_walk{found->reader, stream}.replay(found->head, from_version, to_version, visitor);
}

result<cairn::position> lmdb_reads::replay_all(cairn::position from_position,
                                               event_visitor visitor) const {
  const use file{*this};
  if (auto allowed = file.allowed(); !allowed)
    return std::move(allowed).error();
  if (auto checked = check_replay_from(from_position); !checked)
    return std::move(checked).error();
  auto found = locate_end();
  if (!found)
    return std::move(found).error();
  return replay_log(found->reader, from_position, found->last, visitor);
}

result<cairn::position> lmdb_reads::replay_tag(std::string_view tag, cairn::position from_position,
                                               event_visitor visitor) const {
  const use file{*this};
  if (auto allowed = file.allowed(); !allowed)
    return std::move(allowed).error();
  if (auto checked = check_replay_from(from_position); !checked)
    return std::move(checked).error();
  if (auto checked = check_tag(tag); !checked)
    return std::move(checked).error();
  auto found = locate_tag(tag, from_position);
  if (!found)
    return std::move(found).error();
  return replay_tagged(found->reader, tag, from_position, found->last, found->positions, visitor);
}

result<std::optional<stream_id>> lmdb_reads::holder_of(std::string_view key) const {
  const use file{*this};
  if (auto allowed = file.allowed(); !allowed)
    return std::move(allowed).error();
  if (auto checked = check_key(key); !checked)
    return std::move(checked).error();
  auto found = locate_key(key);
  if (!found)
    return std::move(found).error();
  return holder_at(found->reader.txn(), found->reader.dbs(), found->head);
}

result<void> lmdb_reads::visit_streams(std::string_view prefix, stream_visitor visitor) const {
  const use file{*this};
  if (auto allowed = file.allowed(); !allowed)
    return allowed;
  auto found = locate_streams(prefix);
  if (!found)
    return std::move(found).error();
  return visit_head_rows(found->reader, prefix, std::move(found->heads), visitor);
}

result<bool> lmdb_reads::load_snapshot(const stream_id& stream,
                                       function_ref<void(const snapshot_view&)> visitor) const {
  const use file{*this};
  if (auto allowed = file.allowed(); !allowed)
    return std::move(allowed).error();
  auto reader = readers().acquire();
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
  const use file{*this};
  if (auto allowed = file.allowed(); !allowed)
    return std::move(allowed).error();
  auto reader = readers().acquire();
  if (!reader)
    return std::move(reader).error();
  return visit_schema_rows(reader->txn(), reader->dbs(), visitor);
}

journal_status lmdb_reads::status() const {
  journal_status status;
  add_to(status);
  status.damaged_snapshots = damaged_snapshots_.load(std::memory_order_relaxed);
  const use file{*this};
  if (file.allowed())
    status.oldest_reader = readers().oldest();
  return status;
}

// --- The file ------------------------------------------------------------------------------------

result<void> lmdb_reads::use::allowed() const {
  if (auto usable = of_.check_usable(); !usable)
    return usable;
  if (inside_)
    return {};
  const std::lock_guard lock{of_.mutex_};
  return *of_.no_file_;
}

result<void> lmdb_reads::close() {
  if (inherited())
    return inherited_error();
  const std::lock_guard lock{life_mutex_};
  if (closed_.exchange(true))
    return {};
  result<void> ended;
  let_go_of_file(shut_down_error(), [&] { ended = end(); });
  return ended;
}

void lmdb_reads::let_go_of_file(error why, function_ref<void()> end) {
  {
    const std::lock_guard lock{mutex_};
    no_file_ = why;
  }
  gate_.close();
  end();
  if (!file_)
    return;
  file_->readers.close(std::move(why)); // wakes those who wait for a reader
  gate_.wait_until_empty();
  file_->store.env.close();
  file_->store.guard.leave();
  file_.reset();
}

void lmdb_reads::take_in_file(lmdb_store opened) {
  file_ = std::make_unique<file_parts>(std::move(opened), max_readers_);
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

} // namespace cairn::detail
