#pragma once

#include <cairn/position.hpp>
#include <cairn/result.hpp>
#include <cairn/version.hpp>

#include <string>

namespace cairn::detail {

/// For what is of one log, that of shard `only`. Errors: `invalid_argument` for a position in
/// another shard.
inline result<void> check_only_shard(position asked, shard_id only = {}) {
  if (asked.shard() == only)
    return {};
  return error{errc::invalid_argument, "position " + to_string(asked) + " is in shard "
                                           + to_string(asked.shard()) + "; this journal has shard "
                                           + to_string(only) + " only"};
}

/// For where a replay begins: events are numbered from 1. Errors: `invalid_argument`, those of
/// `check_only_shard` among them.
inline result<void> check_replay_from(position from_position) {
  if (from_position.is_start())
    return error{errc::invalid_argument,
                 "from_position is " + to_string(from_position) + "; it must be at least 1"};
  return check_only_shard(from_position);
}
inline result<void> check_replay_from(version from_version) {
  if (from_version.is_none())
    return error{errc::invalid_argument, "from_version is 0; it must be at least 1"};
  return {};
}

} // namespace cairn::detail
