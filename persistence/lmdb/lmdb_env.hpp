#pragma once

#include "records/record.hpp"

#include <lmdb.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

/// LMDB in its own words, with destructors.
namespace cairn::detail {

/// The range of the map of any file: address space, of which a process has 128 TiB.
inline constexpr std::size_t least_map_bytes = std::size_t{1} << 20;
inline constexpr std::size_t most_map_bytes = std::size_t{1} << 46;

/// Readers have 64 bytes each in the lock file.
inline constexpr std::size_t most_max_readers = 65'536;

struct env_options {
  std::filesystem::path file;
  std::size_t map_bytes = 0;
  std::size_t max_readers = 128;
  bool read_only = false;
};

/// `what` failed with LMDB's or the system's code `rc`.
error lmdb_error(errc code, std::string_view what, int rc);

/// An open environment. Always with the default, safe synchronisation: no flag that lets a commit
/// return before its pages are on disk, and no writable map.
class lmdb_env {
public:
  /// Errors: `corrupt_journal` (not an LMDB file, or one cut short), `io_failed`.
  static result<lmdb_env> open(const env_options& options);

  MDB_env* get() const noexcept { return env_.get(); }

  /// Compares the file's size with what its root says: reading a page beyond the end would be a
  /// SIGBUS. Errors: `corrupt_journal`, `io_failed`.
  result<void> check_file_size() const;

  /// Closes it; its transactions must be gone.
  void close() noexcept { env_.reset(); }

  /// Frees the reader slots of processes that died; returns how many.
  int check_readers() const noexcept;

private:
  struct closer {
    void operator()(MDB_env* env) const noexcept { mdb_env_close(env); }
  };
  explicit lmdb_env(std::unique_ptr<MDB_env, closer> env) : env_{std::move(env)} {}

  std::unique_ptr<MDB_env, closer> env_;
};

/// A transaction: aborted unless committed.
class transaction {
public:
  transaction() noexcept = default;
  ~transaction() { abort(); }
  transaction(const transaction&) = delete;
  transaction& operator=(const transaction&) = delete;

  int begin(const lmdb_env& env, unsigned flags) noexcept {
    return mdb_txn_begin(env.get(), nullptr, flags, &txn_);
  }
  /// The transaction is over whatever the result; an error leaves it unknown what reached the disk.
  int commit() noexcept { return mdb_txn_commit(std::exchange(txn_, nullptr)); }
  void abort() noexcept {
    if (txn_)
      mdb_txn_abort(std::exchange(txn_, nullptr));
  }
  MDB_txn* get() const noexcept { return txn_; }

private:
  MDB_txn* txn_ = nullptr;
};

/// A cursor; must be gone before its transaction ends.
class cursor {
public:
  cursor() noexcept = default;
  ~cursor() {
    if (cursor_)
      mdb_cursor_close(cursor_);
  }
  cursor(const cursor&) = delete;
  cursor& operator=(const cursor&) = delete;

  int open(MDB_txn* txn, MDB_dbi database) noexcept {
    return mdb_cursor_open(txn, database, &cursor_);
  }
  MDB_cursor* get() const noexcept { return cursor_; }

private:
  MDB_cursor* cursor_ = nullptr;
};

/// The value as words. Sizes that are no multiple of 8 and misaligned values are never written, so
/// they mean damage: false.
bool as_words(const MDB_val& value, words_view& words) noexcept;

/// `mdb_get`; MDB_CORRUPTED for a value that `as_words` refuses.
int get_words(MDB_txn* txn, MDB_dbi database, std::span<const std::byte> key,
              words_view& value) noexcept;

/// Of a database whose keys are numbers (`MDB_INTEGERKEY`): moves to a row with `operation` and
/// returns key and value; MDB_CORRUPTED as above. `number` is also what to look for.
int get_numbered(MDB_cursor* rows, MDB_cursor_op operation, std::uint64_t& number,
                 words_view& value) noexcept;

/// The same of a log: its numbers are positions.
inline int get_positioned(MDB_cursor* log, MDB_cursor_op operation, position& at,
                          words_view& value) noexcept {
  std::uint64_t number = at.bits();
  const int rc = get_numbered(log, operation, number, value);
  at = position::from_bits(number);
  return rc;
}

} // namespace cairn::detail
