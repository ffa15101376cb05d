#include "lmdb_journal/tail_index.hpp"

#include "lmdb_rows/head_rows.hpp"
#include "lmdb_rows/journal_meta.hpp"

#include <xxhash.h>

#include <string>

namespace cairn::detail {
namespace {

std::uint64_t hash_of(std::string_view name) noexcept {
  return XXH3_64bits(name.data(), name.size()); // as stream_id::hash
}

} // namespace

tail_index::tail_index(std::size_t flush_interval_events)
  : heads_{2 * flush_interval_events}, head_rows_{heads_, &databases::heads, flush_interval_events},
    holders_{flush_interval_events / 4}, holder_rows_{holders_, &databases::reservations,
                                                      flush_interval_events},
    flush_{{&head_rows_, &holder_rows_, &tags_}, flush_interval_events} {}

std::optional<stream_head> tail_index::holder(std::string_view key) const {
  return holders_.committed(key, hash_of(key));
}

std::vector<position> tail_index::tagged(std::string_view tag, position from) const {
  std::vector<position> positions;
  tags_.positions(tag, from, positions);
  return positions;
}

std::vector<named_head> tail_index::streams(std::string_view prefix) const {
  std::vector<named_head> found;
  heads_.visit_committed([&](std::string_view name, stream_head head) {
    if (!head.version.is_none() && name.starts_with(prefix))
      found.push_back({std::string{name}, head});
  });
  return found;
}

// --- From the log --------------------------------------------------------------------------------

result<tail_index::tail_extent> tail_index::replay(MDB_txn* txn, const databases& dbs) {
  const auto rows = read_checkpoints(txn, dbs);
  if (!rows)
    return rows.error();
  auto last = gather_tail(txn, dbs, *rows, rows->lowest(), *this);
  if (!last)
    return std::move(last).error();
  MDB_stat stat{};
  mdb_stat(txn, dbs.log, &stat);
  if (stat.ms_entries != last->number())
    return error{errc::corrupt_journal, "the log has " + std::to_string(stat.ms_entries)
                                            + " records up to position " + to_string(*last)};
  tags_.publish();
  flush_.start_at(rows->lowest());
  flush_.committed(*last);
  return tail_extent{*last, *last - rows->lowest()};
}

bool tail_index::add_head(const tail_record& record) {
  const std::uint64_t hash = hash_of(record.stream);
  head_entry* entry = heads_.find(record.stream, hash);
  if (!entry)
    entry = &head_rows_.insert(record.stream, hash, record.head());
  else if (entry->committed.version + 1 != record.event.version()
           || entry->committed.position != record.event.previous())
    return false;
  entry->pending = entry->committed = record.head();
  head_rows_.mark(*entry);
  return true;
}

void tail_index::add_holder(std::string_view key, position, stream_head holder) {
  const std::uint64_t hash = hash_of(key);
  head_entry* entry = holders_.find(key, hash);
  if (!entry)
    entry = &holder_rows_.insert(key, hash, {});
  entry->pending = entry->committed = holder;
  holder_rows_.mark(*entry);
}

void tail_index::add_tag(std::string_view tag, cairn::position position) {
  tags_.stage(tag, position);
}

// --- In a commit ---------------------------------------------------------------------------------

int tail_index::find_head(MDB_txn* txn, const databases& dbs, const stream_id& stream,
                          head_entry*& entry) {
  entry = heads_.find(stream.name(), stream.hash());
  if (entry)
    return 0;
  stream_head head;
  if (const int rc = read_head_row(txn, dbs.heads, stream.name(), head))
    return rc;
  entry = &head_rows_.insert(stream.name(), stream.hash(), head);
  return 0;
}

int tail_index::find_holder(MDB_txn* txn, const databases& dbs, std::string_view key,
                            head_entry*& entry) {
  const std::uint64_t hash = hash_of(key);
  entry = holders_.find(key, hash);
  if (entry)
    return 0;
  stream_head holder;
  if (const int rc = read_head_row(txn, dbs.reservations, key, holder))
    return rc;
  entry = &holder_rows_.insert(key, hash, holder);
  return 0;
}

void tail_index::publish() {
  for (head_entry* entry : heads_.publish())
    head_rows_.mark(*entry);
  for (head_entry* entry : holders_.publish())
    holder_rows_.mark(*entry);
  tags_.publish();
}

void tail_index::roll_back() noexcept {
  heads_.roll_back();
  holders_.roll_back();
  tags_.roll_back();
  flush_.aborted();
}

} // namespace cairn::detail
