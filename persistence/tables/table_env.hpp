#pragma once

#include "lmdb/lmdb_file.hpp"
#include "lmdb/reader_pool.hpp"
#include "lmdb/storage_watch.hpp"
#include "tables/row_merge.hpp"
#include "tables/table_options.hpp"

#include <cairn/table_store.hpp>
#include <cairn/verify_tables.hpp>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

/// The LMDB file of a projection's tables; specified in FORMAT.md.
namespace cairn::detail {

inline constexpr std::string_view tables_file_name = "tables.mdb";

/// Read transactions that a store needs itself, beside the views of others: one for each partition
/// of a batch, and a few that last for a look-up. However many views are kept, it goes on.
inline constexpr std::size_t own_readers = most_partitions + 8;

struct table_databases {
  MDB_dbi meta = 0;
  MDB_dbi rows = 0;
  MDB_dbi decisions = 0;
};

/// The rows on disk, as one transaction sees them.
class stored_rows final : public row_source {
public:
  /// `finder`: a cursor on the rows, of a transaction that outlives this.
  explicit stored_rows(MDB_cursor* finder) noexcept : finder_{finder} {}

  result<row_words> find(key_view key) const override;
  result<void> scan(key_view from, key_view below, scan_direction direction,
                    row_visitor visitor) const override;

private:
  MDB_cursor* finder_;
};

/// Writes rows in key order into one transaction.
class row_writer {
public:
  int open(MDB_txn* txn, MDB_dbi rows) noexcept { return cursor_.open(txn, rows); }
  /// Seals `row` where it lies, then copies it; empty: erases.
  int write(key_view key, std::span<std::uint64_t> row) noexcept;

private:
  cursor cursor_;
};

struct table_access {
  bool read_only = false;
  bool check_pages = false; ///< Before LMDB is let at them.
};

/// An open file of tables.
class table_env {
public:
  static result<std::unique_ptr<table_env>> open(const table_store_options& options,
                                                 table_access how);

  reader_pool& readers() noexcept { return readers_; }

  // Errors: `corrupt_journal`, `io_failed`.
  result<table_checkpoint> checkpoint(MDB_txn* txn, shard_id shard) const;
  /// Of all shards that have one, in their order.
  result<std::vector<table_checkpoint>> checkpoints(MDB_txn* txn) const;
  result<bool> live(MDB_txn* txn) const;
  result<std::vector<projection_decision>> decisions(MDB_txn* txn) const;

  /// `verify_tables`, once the pages were checked on opening.
  result<table_verification> verify();

  /// Commits what `fill` writes, with the checkpoints `at`, which replace those of their shards.
  /// `fill` returns LMDB's code. Errors: see
  /// `table_store::publish`. `bytes`, `rows`: about how much it is.
  result<void> commit(std::size_t bytes, std::size_t rows, std::span<const table_checkpoint> at,
                      function_ref<int(MDB_txn*)> fill);

  int write_rows(MDB_txn* txn, row_writer& writer) const noexcept {
    return writer.open(txn, databases_.rows);
  }
  int write_decision(MDB_txn* txn, const projection_decision& decision) const;
  int write_live(MDB_txn* txn) const noexcept;

  std::uint64_t commits() const noexcept { return commits_; }

  void close();

private:
  table_env(lmdb_file file, const table_databases& databases, const table_store_options& options)
    : guard_{std::move(file.guard)}, env_{std::move(file.env)}, pages_{file.pages},
      databases_{databases}, readers_{env_, databases.rows, options.max_readers + own_readers,
                                      reader_pool::usual_patience, options.max_readers},
      storage_{env_, options.directory, options.free_space_watermark_bytes} {}

  directory_guard guard_;
  lmdb_env env_;
  const page_verdict pages_;
  const table_databases databases_;
  reader_pool readers_;
  storage_watch storage_;
  std::atomic<std::uint64_t> commits_ = 0;
  std::atomic<bool> stopped_ = false;
  std::chrono::steady_clock::time_point next_reader_check_{};
};

} // namespace cairn::detail
