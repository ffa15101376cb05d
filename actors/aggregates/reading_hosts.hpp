#pragma once

#include "aggregates/subscribe_function.hpp"
#include "support/ask_clock.hpp"
#include "support/gate.hpp"

#include <cairn/detail/host.hpp>

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
  using clock = application_clock;

  /// `events` must live until `close` has returned. `now`: the clock of queries' deadlines; empty:
  /// `steady_clock`.
  reading_hosts(journal& events, subscribe_function subscribe, clock now = {});

  /// As `engine::host`; the schemas are compared, and nothing is recorded.
  result<std::shared_ptr<aggregate_host>> host(std::unique_ptr<aggregate_model> model);

  /// Refuses replays and queries from now on, and waits for those that are running.
  void close() noexcept;

private:
  journal& journal_;
  const std::shared_ptr<gate> gate_; // shared with the hosts, which may outlive this
  const subscribe_function subscribe_;
  const clock now_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<aggregate_host>, std::less<>> hosts_;
};

} // namespace cairn::detail
