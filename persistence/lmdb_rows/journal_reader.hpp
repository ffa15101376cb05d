#pragma once

#include "lmdb/reader_pool.hpp"
#include "lmdb_rows/databases.hpp"

#include <chrono>
#include <cstddef>
#include <utility>

namespace cairn::detail {

/// A read transaction on a journal: a lease, and the databases that it reads. Its `databases` are
/// those of the `journal_readers` that it came from, which must outlive it.
class journal_reader {
public:
  journal_reader(reader_pool::lease lease, const databases& dbs) noexcept
    : lease_{std::move(lease)}, dbs_{&dbs} {}

  MDB_txn* txn() const noexcept { return lease_.txn(); }
  /// A cursor on the log.
  MDB_cursor* log() const noexcept { return lease_.cursor(); }
  const databases& dbs() const noexcept { return *dbs_; }

  bool due() const noexcept { return lease_.due(); }
  result<void> renew() { return lease_.renew(); }

private:
  reader_pool::lease lease_;
  const databases* dbs_;
};

/// The read transactions of a journal. Any thread.
class journal_readers {
public:
  /// As for `reader_pool`.
  journal_readers(const lmdb_env& env, const databases& dbs, std::size_t max_readers,
                  std::chrono::milliseconds patience = reader_pool::usual_patience)
    : dbs_{dbs}, pool_{env, dbs.log, max_readers, patience} {}

  result<journal_reader> acquire() {
    auto lease = pool_.acquire();
    if (!lease)
      return std::move(lease).error();
    return journal_reader{*std::move(lease), dbs_};
  }
  /// As for `reader_pool`.
  void close(error why) { pool_.close(std::move(why)); }
  std::chrono::milliseconds oldest() const { return pool_.oldest(); }

private:
  const databases dbs_;
  reader_pool pool_;
};

} // namespace cairn::detail
