#pragma once

#include "subscriptions/feed.hpp"

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

namespace cairn::detail {

class logger;

/// What `subscription` is made of: a feed, a handler, and the thread that brings them together.
class subscription_task final : public std::enable_shared_from_this<subscription_task> {
public:
  subscription_task(std::unique_ptr<feed> events, std::function<void(const event_view&)> handler,
                    std::function<void(const error&)> on_failure, std::shared_ptr<logger> log);
  ~subscription_task();
  subscription_task(const subscription_task&) = delete;
  subscription_task& operator=(const subscription_task&) = delete;

  /// Errors: `io_failed`.
  result<void> start();

  /// `subscription::close`.
  void close() noexcept;
  bool active() const noexcept;
  cairn::position position() const noexcept { return feed_->position(); }
  result<void> wait() const;

private:
  void run() noexcept;
  std::optional<error> follow();
  void log_failure(const error& failure) const;
  visit_result handle(const event_view& event);

  std::unique_ptr<feed> feed_;
  std::function<void(const event_view&)> handler_; // the thread's own, once it has started
  std::function<void(const error&)> on_failure_;
  const std::shared_ptr<logger> log_; // null: nobody listens

  std::mutex joining_; // taken before mutex_
  std::thread thread_;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool ended_ = false;
  std::optional<error> failure_;
};

} // namespace cairn::detail
