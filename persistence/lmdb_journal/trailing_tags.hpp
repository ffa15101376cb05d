#pragma once

#include "lmdb_journal/trailing_flush.hpp"

#include <cairn/function_ref.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cairn::detail {

/// The index of tags where it trails the log: positions that the rows on disk lack.
///
/// The writer's thread alone changes it; any thread may ask for positions.
class trailing_tags final : public trailing_rows {
public:
  /// Of the commit that is being written.
  void stage(std::string_view tag, cairn::position position) {
    staged_.push_back({std::string{tag}, position});
  }
  /// The commit is durable: readers see its positions from now on.
  void publish();
  /// The commit is not.
  void roll_back() noexcept { staged_.clear(); }

  /// Appends the positions in memory of events with this tag, from `from` on, in ascending order.
  /// What is not in memory has a row in any transaction that begins afterwards. Any thread.
  void positions(std::string_view tag, position from, std::vector<position>& out) const;

  std::size_t dirty() const noexcept override { return dirty_; }
  void freeze() override;
  std::size_t frozen() const noexcept override { return frozen_; }
  void sort_frozen() override;
  int write(MDB_txn* txn, const databases& dbs, std::size_t first,
            std::size_t count) noexcept override;
  void finish() override;

private:
  struct posting {
    std::string tag;
    std::vector<cairn::position> recent; // marked in this cycle
    std::vector<cairn::position> frozen; // in the cycle before
    std::size_t end = 0;                 // one past the last of `frozen`, among all frozen rows
  };
  struct staged_row {
    std::string tag;
    cairn::position position;
  };

  void add(const staged_row& row);

  std::vector<staged_row> staged_;
  // Their keys lie in the values.
  std::unordered_map<std::string_view, std::unique_ptr<posting>> postings_;
  std::vector<posting*> recent_;          // those with recent positions
  std::vector<posting*> frozen_postings_; // those with frozen ones; by tag once sorted
  std::size_t dirty_ = 0;
  std::size_t frozen_ = 0;
  mutable std::mutex mutex_; // postings, against readers
};

} // namespace cairn::detail
