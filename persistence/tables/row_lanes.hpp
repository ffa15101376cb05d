#pragma once

#include "tables/row_batch.hpp"
#include "tables/row_view.hpp"

#include <tsl/robin_map.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace cairn::detail {

/// The rows below a lane; notes what is read of them. One thread.
class noted_rows final : public row_source {
public:
  struct range {
    std::string from;
    std::string below; // empty: to the end
  };

  /// `before`: what the batch holds, which stays as it is during a round, and `below` it.
  void read_from(const row_batch& before, std::unique_ptr<row_view> below);
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
  const row_batch* before_ = nullptr;
  std::unique_ptr<row_view> below_;
  mutable std::vector<std::uint64_t> sought_;
  mutable std::vector<range> scanned_;
};

/// What the handlers of some events have written at the same time, each in one of several lanes.
///
/// A lane keeps its rows from round to round, as long as no round fails and nothing is to be
/// applied outside the lanes: rows of different lanes then never have the same key.
class row_lanes {
public:
  using capture = function_ref<result<std::unique_ptr<row_view>>()>;

  /// Begins a round. A lane that has no view of its own yet gets what `below` returns, which shows
  /// the same each time until `clear`. `before`: what lies over it.
  result<void> begin_round(std::size_t lanes, const row_batch& before, capture below);
  row_sink& lane(std::size_t number) noexcept { return lanes_[number]->rows; }
  /// See `table_store::end_round`.
  bool end_round();

  bool empty() const noexcept { return size() == 0; }
  std::size_t size() const noexcept;
  std::size_t bytes() const noexcept;

  /// Calls `use` with the rows of each lane.
  void for_each(function_ref<void(row_batch&)> use);
  void clear_rows();
  /// Lets go of the views, too.
  void clear();

private:
  struct lane_state {
    row_batch rows;
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
  std::vector<std::unique_ptr<lane_state>> lanes_;
  tsl::robin_map<std::uint64_t, std::size_t, identity> writers_; // by the hash of the key
};

/// The changes of a batch: of events applied one after another, and over these, in lanes.
class laned_batch {
public:
  void read_from(const row_source& below) noexcept { rows_.read_from(below); }

  void begin_event() {
    if (!lanes_.empty())
      join();
    rows_.begin_event();
  }
  row_batch& rows() noexcept { return rows_; }

  result<void> begin_round(std::size_t lanes, row_lanes::capture below) {
    return lanes_.begin_round(lanes, rows_, below);
  }
  row_sink& lane(std::size_t number) noexcept { return lanes_.lane(number); }
  bool end_round() { return lanes_.end_round(); }

  bool empty() const noexcept { return size() == 0; }
  std::size_t size() const noexcept { return rows_.size() + lanes_.size(); }
  std::size_t bytes() const noexcept { return rows_.bytes() + lanes_.bytes(); }

  /// Calls `use` with what holds the changes, the older ones first.
  void for_each(function_ref<void(row_batch&)> use) {
    use(rows_);
    lanes_.for_each(use);
  }
  /// Moves everything into `rows`; the lanes let go of their views.
  void settle() {
    join();
    lanes_.clear();
  }
  void clear() {
    rows_.clear();
    lanes_.clear();
  }

private:
  void join();

  row_batch rows_;
  row_lanes lanes_;
};

} // namespace cairn::detail
