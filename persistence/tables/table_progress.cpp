#include "tables/table_progress.hpp"

#include <algorithm>

namespace cairn::detail {
namespace {

shard_id shard_of(const table_checkpoint& at) noexcept {
  return at.position.shard();
}

} // namespace

table_checkpoint table_progress::of(shard_id shard) const noexcept {
  const auto found = std::ranges::lower_bound(shards, shard, {}, shard_of);
  return found != shards.end() && shard_of(*found) == shard
             ? *found
             : table_checkpoint{position::start_of(shard), 0};
}

void table_progress::advance(const table_checkpoint& to) {
  auto at = std::ranges::lower_bound(shards, shard_of(to), {}, shard_of);
  if (at == shards.end() || shard_of(*at) != shard_of(to))
    at = shards.insert(at, {position::start_of(shard_of(to)), 0});
  events += to.position - at->position;
  ++revision;
  *at = to;
}

std::vector<table_checkpoint> table_progress::newer_than(const table_progress& earlier) const {
  std::vector<table_checkpoint> newer;
  for (const auto& each : shards)
    if (each != earlier.of(shard_of(each)))
      newer.push_back(each);
  return newer;
}

std::uint64_t events_up_to(const std::vector<table_checkpoint>& checkpoints) noexcept {
  std::uint64_t events = 0;
  for (const auto& each : checkpoints)
    events += each.position.number();
  return events;
}

shard_positions positions_of(const std::vector<table_checkpoint>& checkpoints) {
  shard_positions positions;
  for (const auto& each : checkpoints)
    positions.advance(each.position);
  return positions;
}

} // namespace cairn::detail
