#include "lmdb_rows/tag_rows.hpp"

#include "lmdb_rows/stream_walk.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string>

namespace cairn::detail {
namespace {

constexpr std::size_t rows_at_once = 512;

/// The whole value in `tags`.
struct tag_record {
  struct seal seal;
};
static_assert(sizeof(tag_record) == 8);

error damaged_row(std::string_view tag) {
  return {errc::corrupt_journal, "the index of tags has a damaged row at tag " + std::string{tag}};
}

/// The position in a key that begins with `wanted`'s prefix; the start: the key is of another tag.
position position_in(const MDB_val& key, const tag_key& wanted) noexcept {
  const auto prefix = wanted.prefix();
  if (key.mv_size != wanted.bytes().size()
      || std::memcmp(key.mv_data, prefix.data(), prefix.size()) != 0)
    return {};
  return tag_key::position_in({static_cast<const std::byte*>(key.mv_data), key.mv_size});
}

/// Appends the positions of up to `rows_at_once` rows of the tag, from `from` on. False: those were
/// the last.
result<bool> read_rows(const journal_reader& reader, std::string_view tag, position from,
                       std::vector<position>& positions) {
  if (reader.dbs().tags == absent_database)
    return false;
  cursor rows;
  if (const int rc = rows.open(reader.txn(), reader.dbs().tags))
    return lmdb_error(errc::io_failed, "cannot read the index of tags", rc);
  const tag_key first{tag, from};
  MDB_val key{first.bytes().size(), const_cast<std::byte*>(first.bytes().data())}, value{};
  int rc = mdb_cursor_get(rows.get(), &key, &value, MDB_SET_RANGE);
  for (std::size_t read = 0; rc == 0; rc = mdb_cursor_get(rows.get(), &key, &value, MDB_NEXT)) {
    const auto position = position_in(key, first);
    if (position.is_start())
      return false;
    if (read++ == rows_at_once)
      return true;
    words_view words;
    if (!as_words(value, words)
        || !is_intact({static_cast<const std::byte*>(key.mv_data), key.mv_size}, words,
                      words_of<tag_record>))
      return damaged_row(tag);
    positions.push_back(position);
  }
  if (rc != MDB_NOTFOUND)
    return lmdb_error(errc::io_failed, "cannot read the index of tags", rc);
  return false;
}

bool has_tag(const event_view& event, std::string_view tag) {
  for (const auto own : event.tags())
    if (std::string_view{own.begin(), own.size()} == tag)
      return true;
  return false;
}

/// Visits the records, and checks that they are what the index says. Returns where the visitor
/// stopped, or the start.
result<position> show_all(journal_reader& reader, std::string_view tag,
                          const std::vector<position>& positions, event_visitor visitor) {
  for (const auto position : positions) {
    if (reader.due())
      if (auto renewed = reader.renew(); !renewed)
        return std::move(renewed).error();
    bool tagged = true;
    auto went = show_record(reader, position, [&](const event_view& event) {
      tagged = has_tag(event, tag);
      return tagged ? visitor(event) : visit_result::stop;
    });
    if (!went)
      return std::move(went).error();
    if (!tagged)
      return error{errc::corrupt_journal, "the event at position " + to_string(position)
                                              + " lacks the tag " + std::string{tag}
                                              + ", by which the index leads to it"};
    if (*went == visit_result::stop)
      return position;
  }
  return position{};
}

} // namespace

tag_key::tag_key(std::string_view tag, cairn::position position) noexcept {
  const std::size_t words = tag.size() / 8 + 1;
  CAIRN_ASSERT(!tag.empty() && tag.size() <= max_tag_bytes);
  words_[words - 1] = 0;
  std::memcpy(words_, tag.data(), tag.size());
  words_[words] = __builtin_bswap64(position.bits());
  size_ = (words + 1) * sizeof(std::uint64_t);
}

position tag_key::position_in(std::span<const std::byte> key) noexcept {
  std::uint64_t swapped = 0;
  if (key.size() >= sizeof(swapped))
    std::memcpy(&swapped, key.last(sizeof(swapped)).data(), sizeof(swapped));
  return position::from_bits(__builtin_bswap64(swapped));
}

int write_tag_row(MDB_cursor* rows, std::string_view tag, cairn::position position) noexcept {
  const tag_key key{tag, position};
  tag_record row{};
  seal_value(key.bytes(), &row, sizeof(row));
  MDB_val lmdb_key{key.bytes().size(), const_cast<std::byte*>(key.bytes().data())};
  MDB_val value{sizeof(row), &row};
  return mdb_cursor_put(rows, &lmdb_key, &value, 0);
}

result<position> replay_tagged(journal_reader& reader, std::string_view tag,
                               cairn::position from_position, cairn::position last_position,
                               const std::vector<position>& in_memory, event_visitor visitor) {
  std::vector<position> rows, due;
  for (auto from = from_position;;) {
    rows.clear();
    due.clear();
    auto more = read_rows(reader, tag, from, rows);
    if (!more)
      return std::move(more).error();
    // While rows are left on disk, what is beyond those read so far has to wait for them.
    const auto to = *more ? std::min(rows.back(), last_position) : last_position;
    const auto begin = std::ranges::lower_bound(in_memory, from);
    std::set_union(rows.begin(), std::ranges::upper_bound(rows, to), begin,
                   std::ranges::upper_bound(in_memory, to), std::back_inserter(due));
    auto stopped_at = show_all(reader, tag, due, visitor);
    if (!stopped_at || !stopped_at->is_start())
      return stopped_at;
    if (to == last_position)
      return std::max(last_position, from_position - 1);
    from = to + 1;
  }
}

} // namespace cairn::detail
