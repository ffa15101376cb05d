#pragma once

#include <cairn/table_store.hpp>

#include <cstdint>
#include <vector>

namespace cairn::detail {

/// What rows are a fold of: how far they have come in each shard.
struct table_progress {
  std::uint64_t revision = 0;               ///< Counts the batches so far.
  std::uint64_t events = 0;                 ///< Of all shards, since the store was opened.
  std::vector<table_checkpoint> shards{{}}; ///< In the order of shards; shard 0 has one always.

  /// The shard's checkpoint; its start if it has none.
  table_checkpoint of(shard_id shard) const noexcept;

  /// One more batch, of the events up to `to`, which must not be before the shard's checkpoint.
  void advance(const table_checkpoint& to);

  /// Those checkpoints that differ from `earlier`'s.
  std::vector<table_checkpoint> newer_than(const table_progress& earlier) const;
};

/// Of how many events, of all shards together, the rows are the fold.
std::uint64_t events_up_to(const std::vector<table_checkpoint>& checkpoints) noexcept;

shard_positions positions_of(const std::vector<table_checkpoint>& checkpoints);

} // namespace cairn::detail
