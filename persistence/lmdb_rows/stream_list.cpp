#include "lmdb_rows/stream_list.hpp"

#include "lmdb_rows/head_rows.hpp"
#include "lmdb_rows/head_table.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace cairn::detail {
namespace {

constexpr std::size_t rows_at_once = 512;

/// Some rows, copied, so that the transaction may be renewed while they are visited.
struct row_slice {
  std::vector<named_head> rows;
  bool more = false;           ///< Others may follow.
  std::optional<error> damage; ///< Of the row after these.
};

/// Keys are zero-padded, and names hold no NUL.
std::string_view name_in(const MDB_val& key) noexcept {
  const std::string_view padded{static_cast<const char*>(key.mv_data), key.mv_size};
  return padded.substr(0, padded.find('\0'));
}

/// Moves to the first row with the prefix, or to the one behind the row of `after`.
int seek(MDB_cursor* rows, std::string_view prefix, std::string_view after, MDB_val& key,
         MDB_val& value) noexcept {
  if (!after.empty()) {
    const stream_key last{after};
    key = {last.bytes().size(), const_cast<std::byte*>(last.bytes().data())};
    if (const int rc = mdb_cursor_get(rows, &key, &value, MDB_SET_RANGE); rc != 0)
      return rc;
    return name_in(key) == after ? mdb_cursor_get(rows, &key, &value, MDB_NEXT) : 0;
  }
  key = {prefix.size(), const_cast<char*>(prefix.data())};
  return mdb_cursor_get(rows, &key, &value, prefix.empty() ? MDB_FIRST : MDB_SET_RANGE);
}

result<row_slice> read_rows(const journal_reader& reader, std::string_view prefix,
                            std::string_view after) {
  row_slice slice;
  cursor rows;
  if (const int rc = rows.open(reader.txn(), reader.dbs().heads))
    return lmdb_error(errc::io_failed, "cannot read the heads of streams", rc);
  MDB_val key{}, value{};
  int rc = seek(rows.get(), prefix, after, key, value);
  for (; rc == 0; rc = mdb_cursor_get(rows.get(), &key, &value, MDB_NEXT)) {
    const std::string_view name = name_in(key);
    if (!name.starts_with(prefix))
      return slice;
    if (slice.rows.size() == rows_at_once) {
      slice.more = true;
      return slice;
    }
    stream_head head;
    if (!decode_head_row(key, value, head)) {
      slice.damage =
          error{errc::corrupt_journal, "the head of stream " + std::string{name} + " is damaged"};
      return slice;
    }
    slice.rows.push_back({std::string{name}, head});
  }
  if (rc != MDB_NOTFOUND)
    return lmdb_error(errc::io_failed, "cannot read the heads of streams", rc);
  return slice;
}

} // namespace

result<void> visit_head_rows(journal_reader& reader, std::string_view prefix,
                             std::vector<named_head> in_memory, stream_visitor visitor) {
  std::ranges::sort(in_memory, {}, &named_head::name);
  auto newer = in_memory.begin();
  std::string after; // the last row
  for (;;) {
    auto slice = read_rows(reader, prefix, after);
    if (!slice)
      return std::move(slice).error();
    for (named_head& row : slice->rows) {
      for (; newer != in_memory.end() && newer->name < row.name; ++newer)
        if (visitor(newer->name, newer->head) == visit_result::stop)
          return {};
      if (newer != in_memory.end() && newer->name == row.name) {
        row.head = newer->head.version > row.head.version ? newer->head : row.head;
        ++newer;
      }
      if (visitor(row.name, row.head) == visit_result::stop)
        return {};
      if (reader.due())
        if (auto renewed = reader.renew(); !renewed)
          return renewed;
    }
    if (slice->damage)
      return *std::move(slice->damage);
    if (!slice->more)
      break;
    after = std::move(slice->rows.back().name);
  }
  for (; newer != in_memory.end(); ++newer)
    if (visitor(newer->name, newer->head) == visit_result::stop)
      return {};
  return {};
}

} // namespace cairn::detail
