#include "tables/table_env.hpp"

#include "lmdb/meta_record.hpp"
#include "tables/decision_rows.hpp"

#include <cstring>
#include <string>

namespace cairn::detail {
namespace {

constexpr std::uint64_t tables_magic = 0x4c4254414e524943; // "CIRNATBL" in the file
constexpr std::uint64_t tables_format_version = 1;
constexpr std::chrono::seconds reader_check_interval{30};

const meta_key format_key = key_named("format");
const meta_key live_key = key_named("live");

struct tables_format_record {
  struct seal seal;
  std::uint64_t magic;
  std::uint64_t format_version;
  std::uint64_t shape; // a hash of the tables' shapes
};

struct tables_checkpoint_record {
  struct seal seal;
  std::uint64_t position; // its bits
  std::uint64_t event_fingerprint;
};

struct live_record {
  struct seal seal;
  std::uint64_t since_ns; // since 1970-01-01T00:00:00Z
};

/// `rows`, then the shard, its highest byte first: so the rows of all shards lie side by side.
meta_key checkpoint_key(shard_id shard) noexcept {
  auto key = key_named("rows");
  key[key.size() - 2] = static_cast<std::byte>(shard.number() >> 8);
  key[key.size() - 1] = static_cast<std::byte>(shard.number() & 0xff);
  return key;
}

bool is_checkpoint_key(const MDB_val& key) noexcept {
  constexpr std::size_t before_shard = sizeof(meta_key) - 2;
  const auto any = checkpoint_key({});
  return key.mv_size == any.size() && std::memcmp(key.mv_data, any.data(), before_shard) == 0;
}

int open_table_databases(MDB_txn* txn, unsigned flags, table_databases& opened) noexcept {
  if (const int rc = mdb_dbi_open(txn, "meta", flags, &opened.meta))
    return rc;
  if (const int rc = mdb_dbi_open(txn, "rows", flags, &opened.rows))
    return rc;
  return mdb_dbi_open(txn, "decisions", flags | MDB_INTEGERKEY, &opened.decisions);
}

int write_new_tables(const lmdb_env& env, std::uint64_t shape) noexcept {
  transaction txn;
  table_databases dbs;
  if (const int rc = txn.begin(env, 0))
    return rc;
  if (const int rc = open_table_databases(txn.get(), MDB_CREATE, dbs))
    return rc;
  const tables_format_record format{{}, tables_magic, tables_format_version, shape};
  if (const int rc = write_meta(txn.get(), dbs.meta, format_key, format))
    return rc;
  if (const int rc =
          write_meta(txn.get(), dbs.meta, checkpoint_key({}), tables_checkpoint_record{{}, 0, 0}))
    return rc;
  return txn.commit();
}

result<void> check_format(MDB_txn* txn, const table_databases& dbs,
                          const table_store_options& options) {
  auto format =
      read_meta<tables_format_record>(txn, dbs.meta, format_key, "the tables' format record");
  if (!format)
    return std::move(format).error();
  const auto where = options.directory.string();
  if (format->magic != tables_magic || format->format_version != tables_format_version)
    return error{errc::incompatible_format,
                 "the tables in " + where + " have a format that this version does not know"};
  if (!options.shape.empty() && format->shape != name_hash(options.shape))
    return error{errc::incompatible_format,
                 "the tables in " + where
                     + " have other names, keys or rows than the program's; raise the projection's "
                       "version. The program's: "
                     + options.shape};
  return {};
}

result<table_databases> open_and_check(const lmdb_env& env, const table_store_options& options,
                                       bool read_only) {
  transaction txn;
  table_databases dbs;
  if (const int rc = txn.begin(env, read_only ? MDB_RDONLY : 0U))
    return lmdb_error(errc::io_failed, "cannot begin to read the tables", rc);
  if (const int rc = open_table_databases(txn.get(), 0, dbs))
    return lmdb_error(rc == MDB_NOTFOUND || rc == MDB_INCOMPATIBLE ? errc::incompatible_format
                                                                   : errc::io_failed,
                      "cannot open the tables' databases", rc);
  if (auto checked = check_format(txn.get(), dbs, options); !checked)
    return std::move(checked).error();
  if (const int rc = txn.commit()) // keeps the handles
    return lmdb_error(errc::io_failed, "cannot open the tables' databases", rc);
  return dbs;
}

} // namespace

// --- Rows ----------------------------------------------------------------------------------------

result<row_words> stored_rows::find(key_view key) const {
  MDB_val lmdb_key{key.size(), const_cast<std::byte*>(key.data())};
  MDB_val found{};
  const int rc = mdb_cursor_get(finder_, &lmdb_key, &found, MDB_SET);
  if (rc == MDB_NOTFOUND)
    return row_words{};
  if (rc != 0)
    return lmdb_error(errc::io_failed, "cannot read a row", rc);
  words_view words;
  if (!as_words(found, words) || !is_intact(key, words, row_header_words))
    return error{errc::corrupt_record, "a row fails its checksum"};
  return words;
}

result<void> stored_rows::scan(key_view from, key_view below, scan_direction direction,
                               row_visitor visitor) const {
  const bool ascending = direction == scan_direction::ascending;
  cursor at;
  if (const int rc = at.open(mdb_cursor_txn(finder_), mdb_cursor_dbi(finder_)))
    return lmdb_error(errc::io_failed, "cannot read rows", rc);
  const key_view start = ascending ? from : below;
  MDB_val key{start.size(), const_cast<std::byte*>(start.data())};
  MDB_val found{};
  int rc = MDB_NOTFOUND;
  if (!start.empty())
    rc = mdb_cursor_get(at.get(), &key, &found, MDB_SET_RANGE);
  if (!ascending && (rc == 0 || rc == MDB_NOTFOUND)) // from behind the last that is wanted
    rc = mdb_cursor_get(at.get(), &key, &found, rc == MDB_NOTFOUND ? MDB_LAST : MDB_PREV);
  for (; rc == 0; rc = mdb_cursor_get(at.get(), &key, &found, ascending ? MDB_NEXT : MDB_PREV)) {
    const key_view here{static_cast<const std::byte*>(key.mv_data), key.mv_size};
    if (ascending ? !below.empty() && as_text(here) >= as_text(below)
                  : as_text(here) < as_text(from))
      return {};
    words_view words;
    if (!as_words(found, words) || !is_intact(here, words, row_header_words))
      return error{errc::corrupt_record, "a row fails its checksum"};
    if (visitor(here, words) == visit_result::stop)
      return {};
  }
  if (rc != MDB_NOTFOUND)
    return lmdb_error(errc::io_failed, "cannot read rows", rc);
  return {};
}

int row_writer::write(key_view key, std::span<std::uint64_t> row) noexcept {
  MDB_val lmdb_key{key.size(), const_cast<std::byte*>(key.data())};
  MDB_val value{};
  if (row.empty()) {
    const int rc = mdb_cursor_get(cursor_.get(), &lmdb_key, &value, MDB_SET);
    if (rc != 0)
      return rc == MDB_NOTFOUND ? 0 : rc;
    return mdb_cursor_del(cursor_.get(), 0);
  }
  seal_value(key, row.data(), row.size_bytes());
  value = {row.size_bytes(), row.data()};
  return mdb_cursor_put(cursor_.get(), &lmdb_key, &value, 0);
}

// --- The file ------------------------------------------------------------------------------------

result<std::unique_ptr<table_env>> table_env::open(const table_store_options& options,
                                                   table_access how) {
  auto file = open_file(
      {.directory = options.directory,
       .file = tables_file_name,
       .absence = "there are no tables",
       .create = options.create,
       .allow_fuse = options.allow_fuse,
       .read_only = how.read_only,
       .check_pages = how.check_pages,
       .map_bytes = options.map_bytes,
       .max_readers = options.max_readers + own_readers},
      [&](const lmdb_env& env) { return write_new_tables(env, name_hash(options.shape)); });
  if (!file)
    return std::move(file).error();
  auto dbs = open_and_check(file->env, options, how.read_only);
  if (!dbs)
    return std::move(dbs).error();
  return std::unique_ptr<table_env>{new table_env{*std::move(file), *dbs, options}};
}

result<table_checkpoint> table_env::checkpoint(MDB_txn* txn, shard_id shard) const {
  const auto key = checkpoint_key(shard);
  words_view value;
  if (shard != shard_id{} && get_words(txn, databases_.meta, key, value) == MDB_NOTFOUND)
    return table_checkpoint{position::start_of(shard), 0};
  auto record = read_meta<tables_checkpoint_record>(
      txn, databases_.meta, key, "the tables' checkpoint of shard " + to_string(shard));
  if (!record)
    return std::move(record).error();
  const auto at = position::from_bits(record->position);
  if (at.shard() != shard)
    return error{errc::corrupt_journal, "the tables' checkpoint of shard " + to_string(shard)
                                            + " is at position " + to_string(at)};
  return table_checkpoint{at, record->event_fingerprint};
}

result<std::vector<table_checkpoint>> table_env::checkpoints(MDB_txn* txn) const {
  std::vector<table_checkpoint> found;
  cursor rows;
  if (const int rc = rows.open(txn, databases_.meta))
    return lmdb_error(errc::io_failed, "cannot read the tables' checkpoints", rc);
  auto first = checkpoint_key({});
  MDB_val key{first.size(), first.data()}, value{};
  int rc = mdb_cursor_get(rows.get(), &key, &value, MDB_SET_RANGE);
  for (; rc == 0 && is_checkpoint_key(key);
       rc = mdb_cursor_get(rows.get(), &key, &value, MDB_NEXT)) {
    const auto* const bytes = static_cast<const unsigned char*>(key.mv_data);
    const shard_id shard{
        static_cast<std::uint16_t>(bytes[key.mv_size - 2] << 8 | bytes[key.mv_size - 1])};
    auto at = checkpoint(txn, shard);
    if (!at)
      return std::move(at).error();
    found.push_back(*at);
  }
  if (rc != 0 && rc != MDB_NOTFOUND)
    return lmdb_error(errc::io_failed, "cannot read the tables' checkpoints", rc);
  if (found.empty() || found.front().position.shard() != shard_id{})
    return error{errc::corrupt_journal, "the tables' checkpoint of shard 0 is missing"};
  return found;
}

result<bool> table_env::live(MDB_txn* txn) const {
  words_view value;
  const int rc = get_words(txn, databases_.meta, live_key, value);
  if (rc == MDB_NOTFOUND)
    return false;
  auto record = read_meta<live_record>(txn, databases_.meta, live_key, "the tables' live mark");
  if (!record)
    return std::move(record).error();
  return true;
}

result<std::vector<projection_decision>> table_env::decisions(MDB_txn* txn) const {
  std::vector<projection_decision> found;
  cursor at;
  if (const int rc = at.open(txn, databases_.decisions))
    return lmdb_error(errc::io_failed, "cannot read the decisions", rc);
  for (std::uint64_t number = 0;;) {
    words_view value;
    const int rc = get_numbered(at.get(), MDB_NEXT, number, value);
    if (rc == MDB_NOTFOUND)
      return found;
    if (rc != 0 && rc != MDB_CORRUPTED)
      return lmdb_error(errc::io_failed, "cannot read the decisions", rc);
    auto decision = decode_decision(number, rc == 0 ? value : words_view{});
    if (!decision)
      return std::move(decision).error();
    found.push_back(*std::move(decision));
  }
}

result<void> table_env::commit(std::size_t bytes, std::size_t rows,
                               std::span<const table_checkpoint> at,
                               function_ref<int(MDB_txn*)> fill) {
  if (stopped_)
    return error{errc::journal_stopped, "an earlier commit of the tables failed; open them again"};
  if (auto full = storage_.objection(bytes, rows))
    return *std::move(full);
  if (const auto now = std::chrono::steady_clock::now(); now >= next_reader_check_) {
    env_.check_readers(); // slots of killed processes would keep their pages for ever
    next_reader_check_ = now + reader_check_interval;
  }
  transaction txn;
  int rc = txn.begin(env_, 0);
  if (rc == 0)
    rc = fill(txn.get());
  for (const auto& each : at)
    if (rc == 0)
      rc = write_meta(txn.get(), databases_.meta, checkpoint_key(each.position.shard()),
                      tables_checkpoint_record{{}, each.position.bits(), each.event_fingerprint});
  if (rc != 0)
    return lmdb_error(rc == MDB_MAP_FULL ? errc::storage_full : errc::io_failed,
                      "cannot write the tables", rc);
  if (const int failed = txn.commit()) {
    stopped_ = true;
    return lmdb_error(errc::outcome_unknown, "a commit of the tables failed", failed);
  }
  commits_.fetch_add(1, std::memory_order_relaxed);
  return {};
}

int table_env::write_decision(MDB_txn* txn, const projection_decision& decision) const {
  MDB_stat stat{};
  if (const int rc = mdb_stat(txn, databases_.decisions, &stat))
    return rc;
  std::uint64_t number = stat.ms_entries + 1;
  auto row = encode_decision(number, decision);
  MDB_val key{sizeof(number), &number};
  MDB_val value{row.size() * sizeof(std::uint64_t), row.data()};
  return mdb_put(txn, databases_.decisions, &key, &value, MDB_APPEND);
}

int table_env::write_live(MDB_txn* txn) const noexcept {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return write_meta(
      txn, databases_.meta, live_key,
      live_record{{}, static_cast<std::uint64_t>(std::chrono::nanoseconds{now}.count())});
}

void table_env::close() {
  readers_.close();
  env_.close();
  guard_.leave();
}

} // namespace cairn::detail
