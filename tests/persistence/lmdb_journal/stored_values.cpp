#include "stored_values.hpp"

#include "journal/journal_fixture.hpp"
#include "lmdb_rows/databases.hpp"

#include <array>

namespace cairn::test {

void alter(const std::filesystem::path& directory, database where, std::span<const std::byte> key,
           const std::function<void(byte_vector&)>& change) {
  auto env = must(detail::lmdb_env::open(
      {.file = directory / "journal.mdb", .map_bytes = std::size_t{256} << 20}));
  detail::transaction txn;
  detail::databases dbs;
  REQUIRE(txn.begin(env, 0) == 0);
  REQUIRE(detail::open_databases(txn.get(), false, dbs) == 0);
  const MDB_dbi dbi =
      std::array{dbs.meta,    dbs.log,  dbs.heads,       dbs.snapshots,
                 dbs.schemas, dbs.tags, dbs.reservations}[static_cast<std::size_t>(where)];
  MDB_val lmdb_key{key.size(), const_cast<std::byte*>(key.data())};
  MDB_val value{};
  REQUIRE(mdb_get(txn.get(), dbi, &lmdb_key, &value) == 0);
  const auto* begin = static_cast<const unsigned char*>(value.mv_data);
  byte_vector bytes{begin, begin + value.mv_size};
  change(bytes);
  if (bytes.empty()) {
    REQUIRE(mdb_del(txn.get(), dbi, &lmdb_key, nullptr) == 0);
  } else {
    MDB_val changed{bytes.size(), bytes.data()};
    REQUIRE(mdb_put(txn.get(), dbi, &lmdb_key, &changed, 0) == 0);
  }
  REQUIRE(txn.commit() == 0);
}

} // namespace cairn::test
