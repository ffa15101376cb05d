#pragma once

#include "tables/layered_snapshot.hpp"
#include "tables/write_batch.hpp"

#include <tsl/robin_map.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace cairn::detail {

/// The rows below a partition; notes what is read of them. One thread.
class noted_rows final : public row_source {
public:
  struct range {
    std::string from;
    std::string below; // empty: to the end
  };

  /// `before`: what the batch holds, which stays as it is during a round, and `below` it.
  void read_from(const write_batch& before, std::unique_ptr<layered_snapshot> below);
  bool reads() const noexcept { return below_ != nullptr; }

  result<row_words> find(key_view key) const override;
  result<void> scan(key_view from, key_view below, scan_direction direction,
                    row_visitor visitor) const override;

  /// The hashes of the keys that were looked for, found or not.
  const std::vector<std::uint64_t>& sought() const noexcept { return sought_; }
  /// What was scanned, as far as the visitors went.
  const std::vector<range>& scanned() const noexcept { return scanned_; }
  void forget_notes() noexcept;

private:
  const write_batch* before_ = nullptr;
  std::unique_ptr<layered_snapshot> below_;
  mutable std::vector<std::uint64_t> sought_;
  mutable std::vector<range> scanned_;
};

/// What the handlers of some events have written at the same time, each in one of several
/// partitions.
///
/// A partition keeps its rows from round to round, as long as no round fails and nothing is to be
/// applied outside the partitions: rows of different partitions then never have the same key.
class partition_writes {
public:
  using capture = function_ref<result<std::unique_ptr<layered_snapshot>>()>;

  /// Begins a round. A partition that has no view of its own yet gets what `below` returns, which
  /// shows the same each time until `clear`. `before`: what lies over it.
  result<void> begin_round(std::size_t partitions, const write_batch& before, capture below);
  row_sink& partition(std::size_t number) noexcept {
    CAIRN_ASSERT(number < used_);
    return partitions_[number]->rows;
  }
  /// See `table_store::end_round`.
  bool end_round();

  bool empty() const noexcept { return size() == 0; }
  std::size_t size() const noexcept;
  std::size_t bytes() const noexcept;

  /// Calls `use` with the rows of each partition.
  void for_each(function_ref<void(write_batch&)> use);
  void clear_rows();
  /// Lets go of the views, too.
  void clear();

private:
  struct partition_state {
    write_batch rows;
    noted_rows below;
    std::size_t known = 0; // of `rows`: those of earlier rounds
  };
  struct identity {
    std::size_t operator()(std::uint64_t hash) const noexcept { return hash; }
  };

  bool any_failed() const noexcept;
  bool enter_writers();
  bool any_read_of_another() const;
  bool any_scan_of_another() const;

  std::size_t used_ = 0; // in this round
  std::vector<std::unique_ptr<partition_state>> partitions_;
  tsl::robin_map<std::uint64_t, std::size_t, identity> writers_; // by the hash of the key
};

/// The changes of a batch: of events applied one after another, and over these, in partitions.
class parallel_batch {
public:
  void read_from(const row_source& below) noexcept { rows_.read_from(below); }

  void begin_event() {
    if (!partitions_.empty())
      join();
    rows_.begin_event();
  }
  write_batch& rows() noexcept { return rows_; }

  result<void> begin_round(std::size_t partitions, partition_writes::capture below) {
    return partitions_.begin_round(partitions, rows_, below);
  }
  row_sink& partition(std::size_t number) noexcept { return partitions_.partition(number); }
  bool end_round() { return partitions_.end_round(); }

  bool empty() const noexcept { return size() == 0; }
  std::size_t size() const noexcept { return rows_.size() + partitions_.size(); }
  std::size_t bytes() const noexcept { return rows_.bytes() + partitions_.bytes(); }

  /// Calls `use` with what holds the changes, the older ones first.
  void for_each(function_ref<void(write_batch&)> use) {
    use(rows_);
    partitions_.for_each(use);
  }
  /// Moves everything into `rows`; the partitions let go of their views.
  void settle() {
    join();
    partitions_.clear();
  }
  void clear() {
    rows_.clear();
    partitions_.clear();
  }

private:
  void join();

  write_batch rows_;
  partition_writes partitions_;
};

} // namespace cairn::detail
