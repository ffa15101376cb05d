#include "lmdb_rows/log_tail.hpp"

#include "records/text_check.hpp"

#include <string>

namespace cairn::detail {
namespace {

result<void> visit_record(cairn::position position, words_view value,
                          function_ref<bool(const tail_record&)> visitor) {
  if (!is_intact(key_bytes(position), value, words_of<event_header>))
    return corrupt_event(position, "fails its checksum");
  try {
    const event_in_place event{position, value};
    const std::string_view stream = event.view().stream();
    if (stream.empty() || stream.size() > max_aggregate_type_bytes + 1 + max_aggregate_id_bytes)
      return corrupt_event(position, "names no stream");
    if (!visitor({stream, position, header_of(value), event.view()}))
      return error{errc::corrupt_journal, "the record at position " + to_string(position)
                                              + " does not continue its stream"};
  } catch (const kj::Exception& damage) {
    return corrupt_event(position, damage.getDescription().cStr());
  }
  return {};
}

} // namespace

result<std::string> stream_at(MDB_txn* txn, const databases& dbs, cairn::position position) {
  cursor log;
  auto key = position;
  words_view value;
  int rc = log.open(txn, dbs.log);
  if (rc == 0)
    rc = get_positioned(log.get(), MDB_SET, key, value);
  if (rc == MDB_NOTFOUND)
    return error{errc::corrupt_journal, "the log has no record at position " + to_string(position)};
  if (rc != 0 && rc != MDB_CORRUPTED)
    return lmdb_error(errc::io_failed, "cannot read the log", rc);
  if (rc == MDB_CORRUPTED)
    return corrupt_event(position, "is misplaced");
  std::string stream;
  auto read = visit_record(position, value, [&](const tail_record& record) {
    stream = record.stream;
    return true;
  });
  if (!read)
    return std::move(read).error();
  return stream;
}

result<position> read_tail(MDB_txn* txn, const databases& dbs, position after,
                           function_ref<bool(const tail_record&)> visitor) {
  cursor log;
  if (const int rc = log.open(txn, dbs.log))
    return lmdb_error(errc::io_failed, "cannot read the log", rc);
  position expected = after + 1;
  for (MDB_cursor_op operation = MDB_SET_RANGE;; operation = MDB_NEXT, ++expected) {
    auto found = expected;
    words_view value;
    const int rc = get_positioned(log.get(), operation, found, value);
    if (rc == MDB_NOTFOUND)
      return expected - 1;
    if (rc != 0 && rc != MDB_CORRUPTED)
      return lmdb_error(errc::io_failed, "cannot read the log", rc);
    if (found != expected)
      return error{errc::corrupt_journal,
                   "the log has no record at position " + to_string(expected)};
    if (rc == MDB_CORRUPTED)
      return corrupt_event(found, "is misplaced");
    prefetch_after(value);
    if (auto visited = visit_record(found, value, visitor); !visited)
      return std::move(visited).error();
  }
}

result<position> gather_tail(MDB_txn* txn, const databases& dbs, const checkpoints& rows,
                             position after, tail_sink& into) {
  return read_tail(txn, dbs, after, [&](const tail_record& record) {
    if (record.position > rows.heads && !into.add_head(record))
      return false;
    if (record.position > rows.reservations)
      for (const auto wanted : record.event.reservations())
        if (const std::string_view key{wanted.getKey().begin(), wanted.getKey().size()};
            fits_as_key(key))
          into.add_holder(key, record.position,
                          wanted.getRelease() ? stream_head{} : record.head());
    if (record.position > rows.tags)
      for (const auto tag : record.event.tags())
        if (const std::string_view text{tag.begin(), tag.size()}; fits_as_tag(text))
          into.add_tag(text, record.position);
    into.added(record.position);
    return true;
  });
}

} // namespace cairn::detail
