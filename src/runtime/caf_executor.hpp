#pragma once

#include "runtime/caf_proxy.hpp"
#include "scheduling/executor.hpp"

#include <caf/actor_system.hpp>

#include <memory>

namespace cairn::detail {

/// The executor on CAF's scheduler: each runner is an actor. `system` must outlive it.
class caf_executor : public executor {
public:
  explicit caf_executor(caf::actor_system& system) noexcept : system_{system} {}

  std::size_t workers() const override;
  void schedule(std::function<bool()> work) override;
  std::unique_ptr<waker> run_when_woken(intrusive_ptr<runner> work) override;
  std::unique_ptr<waker> run_periodically(intrusive_ptr<runner> work,
                                          std::chrono::milliseconds interval) override;

private:
  caf::actor_system& system_;
};

/// The same on a system of the application's, whose actors reach the runtime by proxies. They end
/// when it is stopped.
class application_executor final : public caf_executor {
public:
  explicit application_executor(caf::actor_system& system)
    : caf_executor{system}, proxies_{std::make_shared<caf_proxies>(system)} {}

  caf_proxies& proxies() noexcept { return *proxies_; }
  void stop() noexcept override { proxies_->end_all(); }

private:
  const std::shared_ptr<caf_proxies> proxies_;
};

} // namespace cairn::detail
