#pragma once

#include "lmdb/lmdb_env.hpp"

#include <array>
#include <cstring>
#include <string>
#include <string_view>

/// The rows of a database `meta`: fixed records under short names, the same way in every LMDB file.
namespace cairn::detail {

/// A name of up to 8 bytes, padded with zeros.
using meta_key = std::array<std::byte, 8>;

inline meta_key key_named(std::string_view name) noexcept {
  meta_key key{};
  std::memcpy(key.data(), name.data(), name.size());
  return key;
}

/// `what` names the record in errors: "the journal's format record". Errors: `corrupt_journal`
/// (absent or damaged), `io_failed`.
template <class Record>
result<Record> read_meta(MDB_txn* txn, MDB_dbi meta, const meta_key& key, std::string_view what) {
  words_view value;
  const int rc = get_words(txn, meta, key, value);
  const auto named = std::string{what};
  if (rc == MDB_NOTFOUND)
    return error{errc::corrupt_journal, named + " is missing"};
  if (rc != 0 && rc != MDB_CORRUPTED)
    return lmdb_error(errc::io_failed, "cannot read " + named, rc);
  if (rc == MDB_CORRUPTED || !is_intact(key, value, words_of<Record>))
    return error{errc::corrupt_journal, named + " is damaged"};
  Record record;
  std::memcpy(&record, value.data(), sizeof(record));
  return record;
}

template <class Record>
int write_meta(MDB_txn* txn, MDB_dbi meta, const meta_key& key, Record record) noexcept {
  seal_value(key, &record, sizeof(record));
  MDB_val lmdb_key{key.size(), const_cast<std::byte*>(key.data())};
  MDB_val value{sizeof(record), &record};
  return mdb_put(txn, meta, &lmdb_key, &value, 0);
}

} // namespace cairn::detail
