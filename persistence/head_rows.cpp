#include "head_rows.hpp"

#include "head_table.hpp"

#include <cstring>

namespace cairn::detail {

int read_head_row(MDB_txn* txn, const databases& dbs, std::string_view stream,
                  stream_head& head) noexcept {
  const stream_key key{stream};
  words_view value;
  head = {};
  const int rc = get_words(txn, dbs.heads, key.bytes(), value);
  if (rc == MDB_NOTFOUND)
    return 0;
  if (rc != 0)
    return rc;
  if (!is_intact(key.bytes(), value, words_of<head_record>))
    return MDB_CORRUPTED;
  head_record row;
  std::memcpy(&row, value.data(), sizeof(row));
  head = {row.version, row.position};
  return 0;
}

error head_row_error(const stream_id& stream, int rc) {
  if (rc == MDB_CORRUPTED)
    return {errc::corrupt_journal, "the head of stream " + stream.name() + " is damaged"};
  return lmdb_error(errc::io_failed, "cannot read the head of stream " + stream.name(), rc);
}

} // namespace cairn::detail
