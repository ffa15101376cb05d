#pragma once

#include "tables/write_batch.hpp"

#include <memory_resource>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <span>
#include <string_view>
#include <vector>

namespace cairn::detail {

/// The revisions that snapshots in use stand for: what they can see must stay.
using revisions_in_use = std::multiset<std::uint64_t>;

/// Rows in memory that are newer than those on disk, in several versions where snapshots need them.
///
/// A revision counts the batches that were added, of whatever shard: it orders them, as positions
/// of several shards do not.
///
/// One thread adds while any number read. A version that is handed out stays where it is as long as
/// a snapshot that can see it is in use.
class memtable {
public:
  /// Takes in the rows of a batch, as of `revision`. `in_use`: stays unchanged meanwhile.
  void add(const write_batch& batch, std::uint64_t revision, const revisions_in_use& in_use);

  /// The row that a reader at `revision` sees (empty: erased); nothing: the layer does not know it.
  std::optional<row_words> find(key_view key, std::uint64_t revision) const;

  std::size_t rows() const;
  std::size_t bytes() const;

  /// Calls `use` with the newest version of each row in the order of keys. Only once nothing is
  /// added any more. `row` may be written to for sealing: readers do not look at the seal.
  int for_each(function_ref<int(key_view key, std::span<std::uint64_t> row)> use);

private:
  struct version {
    std::uint64_t revision = 0;
    std::span<std::uint64_t> words; // in `memory_`; empty: erased
  };
  struct history {
    version newest{};
    std::vector<version> older; // oldest first; those that snapshots in use can see
  };
  using rows_by_key = keyed_rows<history, std::string_view>;
  struct less_by_key {
    using is_transparent = void;
    bool operator()(const rows_by_key::entry* a, const rows_by_key::entry* b) const noexcept {
      return a->key < b->key;
    }
    bool operator()(const rows_by_key::entry* a, std::string_view b) const noexcept {
      return a->key < b;
    }
    bool operator()(std::string_view a, const rows_by_key::entry* b) const noexcept {
      return a < b->key;
    }
  };
  using ordered_rows = std::set<rows_by_key::entry*, less_by_key>;

public:
  /// Walks through the rows that a reader at `revision` sees.
  class walk {
  public:
    walk(const memtable& layer, key_view from, key_view below, scan_direction direction,
         std::uint64_t revision);
    /// See `scan_over`.
    const override_row* next();

  private:
    void fill();

    const memtable& layer_;
    const scan_direction direction_;
    const std::uint64_t revision_;
    ordered_rows::const_iterator first_; // what is left: [first_, last_)
    ordered_rows::const_iterator last_;
    std::vector<override_row> chunk_;
    std::size_t used_ = 0;
  };

private:
  static const version* seen_by(const history& of, std::uint64_t revision) noexcept;
  void replace(history& of, std::uint64_t revision, row_words by, const revisions_in_use& in_use);
  std::string_view keep(std::string_view key);
  version keep(std::uint64_t revision, row_words words);
  void drop(const version& of) noexcept;
  bool put_in_order() const;

  mutable std::shared_mutex mutex_;
  // Of keys and rows: nearly all are overwritten where they lie, and all go at once, by who lets go
  // of the layer last, which may be the thread that folds.
  std::pmr::unsynchronized_pool_resource memory_;
  mutable rows_by_key rows_;
  mutable ordered_rows ordered_; // the first of `rows_`, for who walks through them
  std::size_t bytes_ = 0;
};

} // namespace cairn::detail
