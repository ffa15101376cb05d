#pragma once

#include "records/record.hpp"

#include <cairn/function_ref.hpp>

#include <lmdb.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

/// LMDB in its own words, with destructors.
namespace cairn::detail {

/// The handle of a database that an older version of the program has not made. LMDB gives its own
/// list of free pages this number, so no database has it.
inline constexpr MDB_dbi absent_database = 0;

/// The databases of a journal; specified in FORMAT.md.
struct databases {
  MDB_dbi meta = 0;
  MDB_dbi log = 0;
  MDB_dbi heads = 0;
  MDB_dbi snapshots = 0;
  MDB_dbi schemas = absent_database;
  MDB_dbi tags = absent_database;
  MDB_dbi reservations = absent_database;
};

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

/// Opens the databases; creates them if `create`. Those that later versions have added may be
/// absent from a journal, and are absent then.
int open_databases(MDB_txn* txn, bool create, databases& opened) noexcept;

/// Creates those that are absent.
int add_absent_databases(MDB_txn* txn, databases& opened) noexcept;

/// Where one is absent, the name of another that this version does not know, if there is one: no
/// version makes the one without the other, so it is that database, under a damaged name.
int find_misnamed_database(MDB_txn* txn, const databases& opened, std::string& name);

/// The value as words. Sizes that are no multiple of 8 and misaligned values are never written, so
/// they mean damage: false.
bool as_words(const MDB_val& value, words_view& words) noexcept;

/// `mdb_get`; MDB_CORRUPTED for a value that `as_words` refuses.
int get_words(MDB_txn* txn, MDB_dbi database, std::span<const std::byte> key,
              words_view& value) noexcept;

/// Moves to a position of the log with `operation` and returns key and value; MDB_CORRUPTED as
/// above.
int get_record(MDB_cursor* log, MDB_cursor_op operation, std::uint64_t& position,
               words_view& value) noexcept;

/// Starts fetching the record after the next of `value`, when the log is read in order: LMDB fills
/// its pages downwards, so it lies below, about as far away as two such records are long.
inline void prefetch_after(words_view value) noexcept {
  constexpr std::size_t cache_line = 64, node_header = 16;
  const auto here = reinterpret_cast<std::uintptr_t>(value.data());
  const std::size_t bytes = std::min<std::size_t>(value.size_bytes(), 1024) + node_header;
  for (std::size_t i = 0; i < bytes; i += cache_line)
    __builtin_prefetch(reinterpret_cast<const void*>(here - 2 * bytes + i));
}

/// The last position in the log; 0 if it is empty.
int last_log_position(MDB_txn* txn, const databases& dbs, std::uint64_t& position) noexcept;

} // namespace cairn::detail
