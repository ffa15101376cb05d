#include <cairn/lmdb_journal.hpp>

#include "lmdb_journal/lmdb_store.hpp"
#include "lmdb_rows/head_rows.hpp"
#include "lmdb_rows/journal_meta.hpp"
#include "lmdb_rows/journal_reader.hpp"
#include "lmdb_rows/schema_rows.hpp"
#include "lmdb_rows/stream_walk.hpp"
#include "lmdb_rows/tag_rows.hpp"
#include "records/text_check.hpp"
#include "schema_history/schema_history.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <unordered_map>
#include <vector>

namespace cairn {
namespace {

using detail::journal_reader;
using detail::journal_readers;
using detail::words_view;

/// Where a stream begins and ends in the log.
struct stream_extent {
  cairn::position first_position;
  stream_head head;
};

/// The last change of a reserved key: where, and who holds it then (version 0: nobody).
struct last_change {
  cairn::position position;
  stream_head holder;
};

/// Tells sets of keys apart, whatever their order.
struct key_sum {
  std::uint64_t keys = 0;
  std::uint64_t hashes = 0;

  void add(std::span<const std::byte> key) noexcept {
    ++keys;
    hashes += XXH3_64bits(key.data(), key.size());
  }
  bool operator==(const key_sum&) const = default;
};

error contradiction(std::string text) {
  return {errc::corrupt_journal, std::move(text)};
}

/// One pass over the log, then one over the rows that are made of it, in one transaction with the
/// log's end: a row is then what the log made it, or what it was at a moment since the checkpoint.
class verification {
public:
  explicit verification(journal_readers& readers) : readers_{readers} {}

  result<lmdb_verification> run() {
    auto reader = readers_.acquire();
    if (!reader)
      return std::move(reader).error();
    if (auto read = read_log(*reader); !read)
      return std::move(read).error();
    const auto checkpoints = detail::read_checkpoints(reader->txn(), reader->dbs());
    if (!checkpoints)
      return checkpoints.error();
    if (auto checked = check_heads(*reader, checkpoints->heads); !checked)
      return std::move(checked).error();
    if (auto checked = check_reservations(*reader, checkpoints->reservations); !checked)
      return std::move(checked).error();
    if (auto checked = check_tags(*reader); !checked)
      return std::move(checked).error();
    if (auto checked = check_snapshots(*reader); !checked)
      return std::move(checked).error();
    if (auto checked = check_schemas(*reader); !checked)
      return std::move(checked).error();
    return counted_;
  }

private:
  /// Takes in the whole log as of the transaction in which `reader` is then: reading renews it, and
  /// somebody may be writing, so what has come meanwhile is read as well, until nothing has.
  result<void> read_log(journal_reader& reader) {
    const auto checkpoints = detail::read_checkpoints(reader.txn(), reader.dbs());
    if (!checkpoints)
      return checkpoints.error();
    indexed_up_to_ = checkpoints->tags; // below it no row comes or goes any more
    for (position read_up_to;;) {
      position last;
      if (const int rc = detail::last_log_position(reader.txn(), reader.dbs(), last))
        return detail::unreadable_end(rc);
      if (last == read_up_to) {
        counted_.events = last.number();
        counted_.streams = streams_.size();
        return {};
      }
      std::optional<error> broken;
      auto read = detail::replay_log(reader, read_up_to + 1, last, [&](const event_view& event) {
        broken = take_in(event);
        return broken ? visit_result::stop : visit_result::proceed;
      });
      if (!read)
        return std::move(read).error();
      if (broken)
        return *std::move(broken);
      read_up_to = last;
    }
  }

  std::optional<error> take_in(const event_view& event) {
    const auto [found, fresh] = streams_.try_emplace(
        std::string{event.stream()}, stream_extent{event.position(), stream_head{}});
    stream_head& head = found->second.head;
    if (event.version() != head.version + 1 || event.previous() != head.position)
      return contradiction("the record at position " + to_string(event.position())
                           + " does not continue stream " + found->first);
    head = {event.version(), event.position()};
    for (const auto wanted : event.reservations())
      if (const std::string_view key{wanted.getKey().begin(), wanted.getKey().size()};
          detail::fits_as_key(key))
        keys_[std::string{key}] = {event.position(), wanted.getRelease() ? stream_head{} : head};
    if (event.position() <= indexed_up_to_)
      take_in_tags(event);
    return std::nullopt;
  }

  /// A tag that a record has twice, as older versions let pass, has one row.
  void take_in_tags(const event_view& event) {
    std::vector<std::string_view> distinct;
    for (const auto tag : event.tags()) {
      const std::string_view text{tag.begin(), tag.size()};
      if (!detail::fits_as_tag(text) || std::ranges::find(distinct, text) != distinct.end())
        continue;
      distinct.push_back(text);
      tags_in_log_.add(detail::tag_key{text, event.position()}.bytes());
    }
  }

  /// A row may trail the log, but not behind the checkpoint, and it must lie on its stream.
  result<void> check_heads(const journal_reader& reader, position checkpoint) {
    for (const auto& [name, extent] : streams_) {
      stream_head row;
      const int rc = detail::read_head_row(reader.txn(), reader.dbs().heads, name, row);
      if (rc == MDB_CORRUPTED)
        return contradiction("the head of stream " + name + " is damaged");
      if (rc != 0)
        return detail::lmdb_error(errc::io_failed, "cannot read the head of " + name, rc);
      const bool missing = row.version.is_none() && extent.first_position <= checkpoint;
      const bool behind = extent.head.position <= checkpoint && row.version < extent.head.version;
      const bool ahead = row.version > extent.head.version;
      const bool beside =
          (row.version == extent.head.version) != (row.position == extent.head.position);
      if (missing || behind || ahead || beside)
        return contradiction("the head of stream " + name + " is at version "
                             + to_string(row.version) + ", its log at version "
                             + to_string(extent.head.version));
      heads_found_ += row.version.is_none() ? 0 : 1;
    }
    return check_row_count(reader);
  }

  /// A row that was not found is of no stream.
  result<void> check_row_count(const journal_reader& reader) const {
    MDB_stat rows{};
    mdb_stat(reader.txn(), reader.dbs().heads, &rows);
    if (rows.ms_entries != heads_found_)
      return contradiction("there are " + std::to_string(rows.ms_entries) + " heads for "
                           + std::to_string(heads_found_) + " streams");
    return {};
  }

  result<void> check_snapshots(const journal_reader& reader) {
    detail::cursor rows;
    if (const int rc = rows.open(reader.txn(), reader.dbs().snapshots))
      return detail::lmdb_error(errc::io_failed, "cannot read the snapshots", rc);
    MDB_val key{}, value{};
    int rc = 0;
    while ((rc = mdb_cursor_get(rows.get(), &key, &value, MDB_NEXT)) == 0) {
      const std::span bytes{static_cast<const std::byte*>(key.mv_data), key.mv_size};
      words_view words;
      const bool whole = detail::as_words(value, words)
                         && detail::is_intact(bytes, words, detail::words_of<detail::head_record>);
      ++counted_.snapshots;
      counted_.damaged_snapshots += whole && is_known(bytes, words) ? 0 : 1;
    }
    if (rc != MDB_NOTFOUND)
      return detail::lmdb_error(errc::io_failed, "cannot read the snapshots", rc);
    return {};
  }

  /// A key that was last changed before the checkpoint has the row that the change left; other rows
  /// may be those of any moment since then.
  result<void> check_reservations(const journal_reader& reader, position checkpoint) {
    for (const auto& [key, last] : keys_) {
      stream_head row;
      if (const int rc = detail::read_head_row(reader.txn(), reader.dbs().reservations, key, row))
        return detail::holder_row_error(key, rc);
      if (last.position <= checkpoint && row != last.holder)
        return contradiction("the reservation of key " + key + " is at position "
                             + to_string(row.position) + ", in the log at position "
                             + to_string(last.holder.position));
      counted_.reservations += last.holder.version.is_none() ? 0 : 1;
      held_rows_ += row.version.is_none() ? 0 : 1;
    }
    MDB_stat rows{};
    if (reader.dbs().reservations != detail::absent_database)
      mdb_stat(reader.txn(), reader.dbs().reservations, &rows);
    if (rows.ms_entries != held_rows_)
      return contradiction("there are " + std::to_string(rows.ms_entries) + " reservations for "
                           + std::to_string(held_rows_) + " keys");
    return {};
  }

  /// As of a checkpoint the rows are exactly those of the log before it; later ones may be there.
  result<void> check_tags(const journal_reader& reader) {
    if (reader.dbs().tags == detail::absent_database)
      return {};
    detail::cursor rows;
    if (const int rc = rows.open(reader.txn(), reader.dbs().tags))
      return detail::lmdb_error(errc::io_failed, "cannot read the index of tags", rc);
    key_sum in_index;
    MDB_val key{}, value{};
    int rc = 0;
    while ((rc = mdb_cursor_get(rows.get(), &key, &value, MDB_NEXT)) == 0) {
      const std::span bytes{static_cast<const std::byte*>(key.mv_data), key.mv_size};
      words_view words;
      if (!detail::as_words(value, words) || !detail::is_intact(bytes, words, 1))
        return contradiction("the index of tags has a damaged row");
      if (detail::tag_key::position_in(bytes) <= indexed_up_to_)
        in_index.add(bytes);
      ++counted_.tagged_events;
    }
    if (rc != MDB_NOTFOUND)
      return detail::lmdb_error(errc::io_failed, "cannot read the index of tags", rc);
    if (!(in_index == tags_in_log_))
      return contradiction("the index of tags has " + std::to_string(in_index.keys)
                           + " rows up to position " + to_string(indexed_up_to_)
                           + ", and they are not the " + std::to_string(tags_in_log_.keys)
                           + " tags of the log");
    return {};
  }

  result<void> check_schemas(const journal_reader& reader) {
    detail::schema_history history;
    auto read = detail::visit_schema_rows(
        reader.txn(), reader.dbs(), [&](const schema_generation& next) { history.add(next); });
    counted_.schema_generations = history.last();
    return read;
  }

  /// Whether the snapshot stands for a version that its stream has.
  bool is_known(std::span<const std::byte> key, words_view words) const {
    detail::head_record header;
    std::memcpy(&header, words.data(), sizeof(header));
    const std::string_view padded{reinterpret_cast<const char*>(key.data()), key.size()};
    const auto found = streams_.find(std::string{padded.substr(0, padded.find('\0'))});
    return found != streams_.end() && header.head().version <= found->second.head.version;
  }

  journal_readers& readers_;
  std::unordered_map<std::string, stream_extent> streams_;
  std::unordered_map<std::string, last_change> keys_;
  std::uint64_t held_rows_ = 0;
  std::uint64_t heads_found_ = 0;
  position indexed_up_to_;
  key_sum tags_in_log_;
  lmdb_verification counted_;
};

} // namespace

result<lmdb_verification> verify_lmdb_journal(lmdb_journal_options options) {
  auto store = detail::open_store(options, {.read_only = true, .check_pages = true});
  if (!store)
    return std::move(store).error();
  journal_readers readers{store->env, store->dbs, options.max_readers};
  auto found = verification{readers}.run();
  if (found)
    found->unfinished_commit = store->pages == detail::page_verdict::unfinished_commit;
  return found;
}

} // namespace cairn
