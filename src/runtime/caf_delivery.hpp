#pragma once

#include "runtime/caf_proxy.hpp"

#include <cairn/caf.hpp>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

namespace cairn::detail {

/// What `caf_subscription` is made of: a thread that reads batches and sends them as requests of a
/// proxy, which takes the actor's answers.
class caf_delivery : public std::enable_shared_from_this<caf_delivery> {
public:
  static result<std::shared_ptr<caf_delivery>>
  start(event_feed feed, caf::actor to, std::size_t max_unacknowledged, caf_proxies& proxies);
  ~caf_delivery();

  /// Ends the thread, and waits for it unless called by it. Any thread.
  void close() noexcept;
  bool active() const noexcept;
  cairn::position position() const noexcept;
  result<void> wait() const;

  // By the proxy, and the target's end.

  /// The batch with this number is acknowledged.
  void acknowledge(std::uint64_t number) noexcept;
  /// The actor takes no more of them.
  void fail(error why) noexcept;

private:
  struct batch {
    std::uint64_t number;
    cairn::position position;
    bool acknowledged = false;
  };

  caf_delivery(event_feed feed, caf::actor to, std::size_t max_unacknowledged);
  void run();
  bool may_send();
  void send(caf_events events);
  void stop_sending() noexcept;

  event_feed feed_;
  const caf::actor to_;
  const std::size_t max_unacknowledged_;
  caf::actor proxy_;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::deque<batch> sent_; ///< From the oldest that is not acknowledged on.
  std::uint64_t last_number_ = 0;
  cairn::position position_{};
  std::optional<error> failure_;
  bool stopping_ = false;
  bool over_ = false;

  std::mutex joining_;
  std::thread thread_;
};

} // namespace cairn::detail
