#pragma once

#include "consumers/consumer_environment.hpp"
#include "subscriptions/handler_target.hpp"

#include <cairn/durable_subscription.hpp>
#include <cairn/journal.hpp>

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace cairn::detail {

/// The durable subscriptions of one runtime. Any thread.
class durable_set {
public:
  /// `root`: the directory of all of them; empty: in memory. `log` must outlive `close`.
  durable_set(const journal& log, std::filesystem::path root, consumer_environment environment = {})
    : log_{log}, root_{std::move(root)}, environment_{std::move(environment)} {}
  ~durable_set() { (void)close(); }
  durable_set(const durable_set&) = delete;
  durable_set& operator=(const durable_set&) = delete;

  /// See `runtime::subscribe_durably`.
  result<durable_subscription> subscribe(std::string name, const event_selection& selection,
                                         durable_handler handle,
                                         const durable_subscription_options& options);

  /// Without threads: gives a turn to each that wants one; false: none did.
  bool turn();

  /// Ends all of them. Not from within a handler. Waits for each
  /// handler that is running. Errors: the first of `durable_task::finish`.
  result<void> close();

private:
  const journal& log_;
  const std::filesystem::path root_;
  const consumer_environment environment_;
  std::mutex mutex_;
  bool closed_ = false;
  std::map<std::string, std::shared_ptr<durable_task>, std::less<>> tasks_;
};

} // namespace cairn::detail
