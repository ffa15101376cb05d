#pragma once

#include <cairn/append.hpp>

#include <cstdint>
#include <memory>
#include <span>

namespace cairn::detail {

/// Told of durable events before the replies that depend on them leave.
class commit_listener {
public:
  virtual ~commit_listener() = default;

  /// `position`: of the last of the events. `appends`: what brought them, in the order of
  /// positions, and others that failed; events may be missing there that somebody else appended.
  /// One call at a time, in the order of positions.
  virtual void
  before_replies(cairn::position position,
                 std::span<const std::unique_ptr<append_operation>> appends) noexcept = 0;
};

} // namespace cairn::detail
