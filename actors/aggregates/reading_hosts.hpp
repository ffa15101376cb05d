#pragma once

#include "subscriptions/subscription_hub.hpp"

#include <cairn/detail/host.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace cairn::detail {

/// Aggregates on a journal that is open for reading only: what stands in for the engine beside a
/// process that writes. No actor, no thread: queries are answered in the thread that asks. Any
/// thread.
class reading_hosts {
public:
  using clock = std::function<std::chrono::steady_clock::time_point()>;

  /// `events` must live until `close` has returned. `now`: the clock of queries' deadlines; empty:
  /// `steady_clock`.
  explicit reading_hosts(journal& events, clock now = {});

  /// As `engine::host`; the schemas are compared, and nothing is recorded.
  result<std::shared_ptr<aggregate_host>> host(std::unique_ptr<aggregate_model> model);

  subscription_hub& subscriptions() noexcept { return *hub_; }

  /// Ends what follows the journal, and waits for replays and queries that are running.
  void close() noexcept { hub_->close(); }

private:
  journal& journal_;
  const std::shared_ptr<subscription_hub> hub_;
  const clock now_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<aggregate_host>, std::less<>> hosts_;
};

} // namespace cairn::detail
