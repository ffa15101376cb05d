#pragma once

#include "lmdb_journal/trailing_flush.hpp"
#include "lmdb_rows/head_table.hpp"

#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

namespace cairn::detail {

/// Sorts entries by key. The keys share long prefixes (the aggregate type), so whole words of them
/// are compared, eight bytes at a time, and only where the words before are equal.
void sort_by_key(std::vector<head_entry*>& entries);

/// The entries of a `head_table` on their way into their database, and out of the table once there
/// are too many that are on disk as they are in memory.
///
/// Which of these leave: a hand goes round all entries (the CLOCK algorithm: Corbato, "A Paging
/// Experiment with the Multics System", 1968) and takes out those that nobody has written since it
/// passed them last. So each entry stands in one list once, however often it is written.
class trailing_heads final : public trailing_rows {
public:
  /// `database`: which of `databases`. Beyond `kept_entries` clean ones leave the table.
  trailing_heads(head_table& table, MDB_dbi databases::*database, std::size_t kept_entries)
    : table_{table}, database_{database}, kept_{kept_entries} {}

  /// Adds an entry to the table, as it is on disk: it may leave once there are too many such.
  head_entry& insert(std::string_view name, std::uint64_t hash, stream_head committed) {
    head_entry& entry = table_.insert(name, hash, committed);
    all_.push_back(&entry);
    due_steps_ += steps_per_change;
    return entry;
  }

  /// The entry's committed head is newer than its row.
  void mark(head_entry& entry) {
    entry.written_since = true;
    if (entry.dirty_cycle == cycle_)
      return;
    entry.dirty_cycle = cycle_;
    dirty_.push_back(&entry);
    due_steps_ += steps_per_change;
  }

  std::size_t dirty() const noexcept override { return dirty_.size(); }
  void freeze() override;
  std::size_t frozen() const noexcept override { return frozen_.size(); }
  void sort_frozen() override { sort_by_key(frozen_); }
  int write(MDB_txn* txn, const databases& dbs, std::size_t first,
            std::size_t count) noexcept override;
  void finish() override;
  void tidy() override;

private:
  static int write_row(MDB_cursor* rows, const head_entry& entry) noexcept;

  head_table& table_;
  MDB_dbi databases::*const database_;
  const std::size_t kept_;
  std::uint64_t cycle_ = 1;         // entries marked now belong to it
  std::uint64_t clean_up_to_ = 0;   // the last cycle whose rows are all on disk
  std::vector<head_entry*> dirty_;  // marked in this cycle
  std::vector<head_entry*> frozen_; // marked in the cycle before; in key order once sorted

  // Each entry that comes in has to be passed and dropped in the end, each that is written is
  // passed once more, and some are met while they are dirty.
  static constexpr std::size_t steps_per_change = 3;
  std::deque<head_entry*> all_; // the hand is at the front; what it passes goes to the back
  std::size_t due_steps_ = 0;   // of the hand
};

} // namespace cairn::detail
