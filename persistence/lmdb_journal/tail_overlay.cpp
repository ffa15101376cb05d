#include "lmdb_journal/tail_overlay.hpp"

#include "lmdb_rows/head_rows.hpp"
#include "lmdb_rows/journal_meta.hpp"
#include "lmdb_rows/log_tail.hpp"

#include <algorithm>

namespace cairn::detail {

/// By the holder of the lock: so no transaction is older than what was gathered.
result<journal_reader> tail_overlay::begin(journal_readers& readers) {
  auto reader = readers.acquire();
  if (!reader)
    return reader;
  if (auto caught_up = catch_up(*reader); !caught_up)
    return std::move(caught_up).error();
  return reader;
}

result<located_head> tail_overlay::locate(journal_readers& readers, const stream_id& stream) {
  const std::lock_guard lock{mutex_};
  auto reader = begin(readers);
  if (!reader)
    return std::move(reader).error();
  stream_head head;
  if (const int rc = read_head_row(reader->txn(), reader->dbs().heads, stream.name(), head))
    return head_row_error(stream, rc);
  if (const auto newer = heads_.find(stream.name());
      newer != heads_.end() && newer->second.version > head.version)
    head = newer->second;
  return located_head{*std::move(reader), head};
}

result<located_head> tail_overlay::locate_key(journal_readers& readers, std::string_view key) {
  const std::lock_guard lock{mutex_};
  auto reader = begin(readers);
  if (!reader)
    return std::move(reader).error();
  stream_head head;
  if (const int rc = read_head_row(reader->txn(), reader->dbs().reservations, key, head))
    return holder_row_error(key, rc);
  // Up to the checkpoint the rows are complete, and what was gathered before may be out of date.
  if (const auto newer = holders_.find(std::string{key});
      newer != holders_.end() && newer->second.position > reservations_checkpoint_)
    head = newer->second.holder;
  return located_head{*std::move(reader), head};
}

result<located_tag> tail_overlay::locate_tagged(journal_readers& readers, std::string_view tag,
                                                cairn::position from_position) {
  const std::lock_guard lock{mutex_};
  auto reader = begin(readers);
  if (!reader)
    return std::move(reader).error();
  located_tag found{*std::move(reader), caught_up_to_, {}};
  if (const auto newer = tags_.find(std::string{tag}); newer != tags_.end()) {
    const auto first = std::ranges::lower_bound(newer->second, from_position);
    found.positions.assign(first, newer->second.end());
  }
  return found;
}

result<located_streams> tail_overlay::locate_streams(journal_readers& readers,
                                                     std::string_view prefix) {
  const std::lock_guard lock{mutex_};
  auto reader = begin(readers);
  if (!reader)
    return std::move(reader).error();
  located_streams found{*std::move(reader), {}};
  for (const auto& [name, head] : heads_)
    if (name.starts_with(prefix))
      found.heads.push_back({name, head});
  return found;
}

result<void> tail_overlay::catch_up(const journal_reader& reader) {
  const auto from = read_checkpoints(reader.txn(), reader.dbs());
  if (!from)
    return from.error();
  if (heads_.size() + holders_.size() + tagged_ >= prune_at_ && from->lowest() > gathered_from_) {
    heads_.clear();
    holders_.clear();
    tags_.clear();
    tagged_ = 0;
    caught_up_to_ = {};
  }
  if (caught_up_to_.is_start())
    gathered_from_ = from->lowest();
  const auto known_up_to = std::max(caught_up_to_, from->lowest());
  auto last = gather_tail(reader.txn(), reader.dbs(), *from, known_up_to, *this);
  if (!last)
    return std::move(last).error();
  caught_up_to_ = *last;
  reservations_checkpoint_ = from->reservations;
  return {};
}

bool tail_overlay::add_head(const tail_record& record) {
  heads_.insert_or_assign(std::string{record.stream}, record.head());
  return true;
}

void tail_overlay::add_holder(std::string_view key, cairn::position position, stream_head holder) {
  holders_.insert_or_assign(std::string{key}, key_change{position, holder});
}

void tail_overlay::add_tag(std::string_view tag, cairn::position position) {
  auto& positions = tags_[std::string{tag}];
  if (!positions.empty() && positions.back() == position)
    return; // twice in a record, which older versions let pass
  positions.push_back(position);
  ++tagged_;
}

} // namespace cairn::detail
