#include "lmdb_rows/schema_rows.hpp"

#include <cstring>
#include <string>

namespace cairn::detail {
namespace {

error damaged(std::uint64_t number, std::string_view what) {
  return {errc::corrupt_journal, "generation " + std::to_string(number)
                                     + " of the journal's schemas " + std::string{what}};
}

} // namespace

result<void> show_schema_row(std::uint64_t number, words_view value,
                             function_ref<void(const schema_generation&)> visitor) {
  if (!is_intact(key_bytes(number), value, words_of<schema_header>))
    return damaged(number, "fails its checksum");
  schema_header header;
  std::memcpy(&header, value.data(), sizeof(header));
  const std::chrono::sys_time<std::chrono::nanoseconds> recorded_at{
      std::chrono::nanoseconds{header.recorded_at_ns}};
  try {
    message_in_place message{value, words_of<schema_header>};
    visitor({number, recorded_at, message.root<format::SchemaGeneration>()});
    return {};
  } catch (const kj::Exception& damage) {
    return damaged(number, damage.getDescription().cStr());
  }
}

result<void> visit_schema_rows(MDB_txn* txn, const databases& dbs,
                               function_ref<void(const schema_generation&)> visitor) {
  if (dbs.schemas == absent_database)
    return {};
  cursor rows;
  if (const int rc = rows.open(txn, dbs.schemas))
    return lmdb_error(errc::io_failed, "cannot read the schemas", rc);
  for (std::uint64_t expected = 1;; ++expected) {
    std::uint64_t number = expected;
    words_view value;
    const int rc = get_numbered(rows.get(), MDB_NEXT, number, value);
    if (rc == MDB_NOTFOUND)
      return {};
    if (rc == MDB_CORRUPTED || (rc == 0 && number != expected))
      return damaged(expected, "is missing or misplaced");
    if (rc != 0)
      return lmdb_error(errc::io_failed, "cannot read the schemas", rc);
    if (auto shown = show_schema_row(number, value, visitor); !shown)
      return shown;
  }
}

int append_schema_row(MDB_txn* txn, const databases& dbs, std::uint64_t recorded_at_ns,
                      words_view message) noexcept {
  cursor rows;
  if (const int rc = rows.open(txn, dbs.schemas))
    return rc;
  std::uint64_t number = 0;
  words_view last;
  if (const int rc = get_numbered(rows.get(), MDB_LAST, number, last);
      rc != 0 && rc != MDB_NOTFOUND)
    return rc;
  ++number;
  MDB_val key{sizeof(number), &number};
  MDB_val value{sizeof(schema_header) + message.size_bytes(), nullptr};
  if (const int rc = mdb_cursor_put(rows.get(), &key, &value, MDB_RESERVE | MDB_APPEND))
    return rc;
  CAIRN_ASSERT(reinterpret_cast<std::uintptr_t>(value.mv_data) % sizeof(std::uint64_t) == 0);
  auto* const bytes = static_cast<std::byte*>(value.mv_data);
  const schema_header header{{}, recorded_at_ns};
  std::memcpy(bytes, &header, sizeof(header));
  std::memcpy(bytes + sizeof(header), message.data(), message.size_bytes());
  seal_value(key_bytes(number), bytes, value.mv_size);
  return 0;
}

} // namespace cairn::detail
