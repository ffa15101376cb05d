#pragma once

#include "support/gate.hpp"

#include <cairn/subscription.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <utility>
#include <vector>

namespace cairn::detail {

class logger;

/// All that follows one journal, and the gate through which it is read: once the hub is closed,
/// no feed or subscription touches the journal again, though handles to them may still exist.
/// Any thread.
class subscription_hub final : public std::enable_shared_from_this<subscription_hub> {
public:
  /// `events` must live until `close` has returned.
  /// `log` may be null.
  explicit subscription_hub(const journal& events, std::shared_ptr<logger> log = {}) noexcept
    : journal_{events}, log_{std::move(log)} {}

  /// Errors: those of `make_event_source`, `shut_down`.
  result<event_feed> follow(const event_selection& selection, const subscription_options& options);
  /// The same, and `io_failed` if there is no thread to be had.
  result<subscription> subscribe(const event_selection& selection,
                                 const subscription_options& options,
                                 std::function<void(const event_view&)> handler);

  /// Ends every feed's wait and every subscription, and waits for them; for handlers that are
  /// running too, unless it is called from within one.
  void close() noexcept;

  /// The journal is about to be opened again, or is again what it was. Feeds and subscriptions wait
  /// in between.
  void suspend() noexcept;
  void resume() noexcept;

  // For feeds whose journal has failed them.

  /// How often the journal was opened again. To be asked before it is read.
  std::uint64_t reopenings() const noexcept { return reopenings_.load(); }
  /// Whether to read again: `why` came of a journal that has stopped, and since it was opened for
  /// the time `reopenings` it has been opened again, which is waited for. False at once if the
  /// journal has not stopped; else at the deadline or when `interrupt` is requested.
  bool wait_until_reopened(const error& why, std::uint64_t reopenings,
                           std::chrono::steady_clock::time_point deadline,
                           const std::stop_token& interrupt);

  /// Every read of the journal passes it.
  detail::gate& gate() noexcept { return gate_; }

  // By feeds about themselves.
  void add(feed& opened);
  void remove(feed& over) noexcept;

private:
  result<std::unique_ptr<feed>> open(const event_selection& selection,
                                     const subscription_options& options);

  const journal& journal_;
  const std::shared_ptr<logger> log_;
  detail::gate gate_;
  std::mutex mutex_;
  std::condition_variable_any reopened_;
  std::atomic<std::uint64_t> reopenings_ = 0;
  bool suspended_ = false;
  bool closed_ = false;
  std::vector<feed*> feeds_;
  std::vector<std::shared_ptr<subscription_task>> tasks_;
};

} // namespace cairn::detail
