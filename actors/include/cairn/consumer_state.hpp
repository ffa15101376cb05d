#pragma once

#include <cstdint>
#include <string_view>

namespace cairn {

/// What something that follows the log, a projection or a durable subscription, is doing.
enum class consumer_state : std::uint8_t {
  catching_up, ///< Takes in events that were there before it, or that it was behind with.
  following,   ///< Has reached the log's end since, and takes events in as they come.
  paused,
  stopped, ///< At an event that cannot be applied, or by an error; see `last_error`.
  waiting, ///< A projection of an older version: it serves as it is until the new one is built.
  closed,
};

/// The state's name as it stands in the source.
std::string_view to_string(consumer_state state) noexcept;

} // namespace cairn
