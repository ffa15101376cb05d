#pragma once

#include "scheduling/executor.hpp"

#include <caf/actor_system.hpp>

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

} // namespace cairn::detail
