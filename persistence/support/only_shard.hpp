#pragma once

#include <cairn/position.hpp>
#include <cairn/result.hpp>

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

} // namespace cairn::detail
