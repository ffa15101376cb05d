#pragma once

#include <cairn/position.hpp>
#include <cairn/result.hpp>

#include <string>

namespace cairn::detail {

/// For a journal that is one log, shard 0. Errors: `invalid_argument` for a position in another.
inline result<void> check_only_shard(position asked) {
  if (asked.shard() == shard_id{})
    return {};
  return error{errc::invalid_argument, "position " + to_string(asked) + " is in shard "
                                           + to_string(asked.shard())
                                           + "; this journal has shard 0 only"};
}

} // namespace cairn::detail
