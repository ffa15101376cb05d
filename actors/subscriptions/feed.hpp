#pragma once

#include "consumers/event_source.hpp"
#include "subscriptions/subscription_hub.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <stop_token>

namespace cairn::detail {

/// What `event_feed` is made of: a source, and the batch that was copied last.
class feed {
public:
  feed(std::shared_ptr<subscription_hub> hub, std::unique_ptr<event_source> source,
       const fill_limits& limits);
  ~feed();
  feed(const feed&) = delete;
  feed& operator=(const feed&) = delete;

  /// `event_feed::next`.
  result<std::size_t> next(event_visitor visitor, std::chrono::steady_clock::time_point deadline);

  // Any thread.
  cairn::position position() const noexcept { return position_.load(std::memory_order_acquire); }
  void interrupt() noexcept { stop_.request_stop(); }
  bool interrupted() const noexcept { return stop_.stop_requested(); }

private:
  result<void> refill(std::chrono::steady_clock::time_point deadline);
  result<std::size_t> show(event_visitor visitor);

  const std::shared_ptr<subscription_hub> hub_;
  std::unique_ptr<event_source> source_;
  const fill_limits limits_;
  event_buffer batch_;
  std::size_t next_ = 0; // in the batch
  bool showing_ = false;
  std::atomic<cairn::position> position_;
  std::stop_source stop_;
};

} // namespace cairn::detail
