#pragma once

#include <cstdint>

namespace cairn::detail {

/// Marks a thread that runs the handler of a subscription. Two handlers that wait for each other's
/// end would wait for ever, so closing a subscription from within a handler does not wait.
class handler_scope {
public:
  enum class of : std::uint8_t { subscription, durable_subscription };

  explicit handler_scope(of kind) noexcept : kind_{kind} {
    ++depth_;
    durable_depth_ += is_durable();
  }
  ~handler_scope() {
    --depth_;
    durable_depth_ -= is_durable();
  }
  handler_scope(const handler_scope&) = delete;
  handler_scope& operator=(const handler_scope&) = delete;

  /// Whether this thread is within a handler of either kind.
  static bool within_any() noexcept { return depth_ > 0; }
  static bool within_durable() noexcept { return durable_depth_ > 0; }

private:
  int is_durable() const noexcept { return kind_ == of::durable_subscription ? 1 : 0; }

  static inline thread_local int depth_ = 0;
  static inline thread_local int durable_depth_ = 0;
  const of kind_;
};

} // namespace cairn::detail
