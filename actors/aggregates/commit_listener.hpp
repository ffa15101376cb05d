#pragma once

#include <cstdint>

namespace cairn::detail {

/// Told of durable events before the replies that depend on them leave.
class commit_listener {
public:
  virtual ~commit_listener() = default;

  /// `position`: of the last of the events. One call at a time, in the order of positions.
  virtual void before_replies(std::uint64_t position) = 0;
};

} // namespace cairn::detail
