#pragma once

#include "head_table.hpp"
#include "trailing_flush.hpp"

#include <cstdint>
#include <deque>
#include <vector>

namespace cairn::detail {

/// Sorts entries by key. The keys share long prefixes (the aggregate type), so whole words of them
/// are compared, eight bytes at a time, and only where the words before are equal.
void sort_by_key(std::vector<head_entry*>& entries);

/// The entries of a `head_table` on their way into their database, and out of the table once there
/// are too many that are on disk as they are in memory.
class trailing_heads final : public trailing_rows {
public:
  /// `database`: which of `databases`. Beyond `kept_entries` clean ones leave the table.
  trailing_heads(head_table& table, MDB_dbi databases::*database, std::size_t kept_entries)
    : table_{table}, database_{database}, kept_{kept_entries} {}

  /// The entry's committed head is newer than its row.
  void mark(head_entry& entry) {
    if (entry.dirty_cycle == cycle_)
      return;
    entry.dirty_cycle = cycle_;
    dirty_.push_back(&entry);
  }

  /// The entry was read from its row: it may leave the table once there are too many such.
  void note_loaded(head_entry& entry) { loaded_.push_back(&entry); }

  std::size_t dirty() const noexcept override { return dirty_.size(); }
  void freeze() override;
  std::size_t frozen() const noexcept override { return frozen_.size(); }
  void sort_frozen() override { sort_by_key(frozen_); }
  int write(MDB_txn* txn, const databases& dbs, std::size_t first,
            std::size_t count) noexcept override;
  void finish() override;
  void tidy(std::size_t limit) override;

private:
  static int write_row(MDB_cursor* rows, const head_entry& entry) noexcept;

  head_table& table_;
  MDB_dbi databases::*const database_;
  const std::size_t kept_;
  std::uint64_t cycle_ = 1;         // entries marked now belong to it
  std::vector<head_entry*> dirty_;  // marked in this cycle
  std::vector<head_entry*> frozen_; // marked in the cycle before; in key order once sorted

  struct clean_list {
    std::uint64_t cycle; // each entry stands in the list of the cycle it was last marked in
    std::vector<head_entry*> entries;
  };
  std::deque<clean_list> clean_;
  std::deque<head_entry*> loaded_; // entries of cycle 0, or marked since
};

} // namespace cairn::detail
