#pragma once

#include "support/gate.hpp"

#include <cairn/subscription.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace cairn::detail {

/// All that follows one journal, and the gate through which it is read: once the hub is closed,
/// nobody who follows touches the journal again, whoever may still hold a feed or a subscription.
/// Any thread.
class subscription_hub final : public std::enable_shared_from_this<subscription_hub> {
public:
  /// `events` must live until `close` has returned.
  explicit subscription_hub(const journal& events) noexcept : journal_{events} {}

  /// Errors: those of `make_event_source`, `shut_down`.
  result<event_feed> follow(const event_selection& selection, const subscription_options& options);
  /// The same, and `io_failed` if there is no thread to be had.
  result<subscription> subscribe(const event_selection& selection,
                                 const subscription_options& options,
                                 std::function<void(const event_view&)> handler);

  /// Ends every feed's wait and every subscription, and waits for them; for handlers that are
  /// running too, unless it is called from within one.
  void close() noexcept;

  /// Whoever reads the journal goes through it.
  detail::gate& gate() noexcept { return gate_; }

  // By feeds about themselves.
  void add(feed& opened);
  void remove(feed& over) noexcept;

private:
  result<std::unique_ptr<feed>> open(const event_selection& selection,
                                     const subscription_options& options);

  const journal& journal_;
  detail::gate gate_;
  std::mutex mutex_;
  bool closed_ = false;
  std::vector<feed*> feeds_;
  std::vector<std::shared_ptr<subscription_task>> tasks_;
};

} // namespace cairn::detail
