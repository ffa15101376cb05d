#include "runtime/caf_executor.hpp"

#include "runtime/caf_adapter.hpp"
#include "runtime/own_executor.hpp"

#include <utility>

namespace cairn::detail {
namespace {

class actor_waker final : public executor::waker {
public:
  explicit actor_waker(caf::actor target) noexcept : target_{std::move(target)} {}
  void wake() noexcept override { caf_adapter::wake(target_); }

private:
  const caf::actor target_;
};

/// The executor on a system that belongs to the runtime.
class own_caf_executor final : public caf_executor {
public:
  explicit own_caf_executor(std::unique_ptr<caf_adapter::owned_system> system) noexcept
    : caf_executor{system->get()}, own_{std::move(system)} {}
  void stop() noexcept override { own_.reset(); }

private:
  std::unique_ptr<caf_adapter::owned_system> own_;
};

} // namespace

std::size_t caf_executor::workers() const {
  return caf_adapter::thread_count(system_);
}

void caf_executor::schedule(std::function<bool()> work) {
  caf_adapter::schedule(system_, std::move(work));
}

std::unique_ptr<executor::waker> caf_executor::run_when_woken(intrusive_ptr<runner> work) {
  return std::make_unique<actor_waker>(caf_adapter::spawn(system_, std::move(work)));
}

std::unique_ptr<executor::waker>
caf_executor::run_periodically(intrusive_ptr<runner> work, std::chrono::milliseconds interval) {
  return std::make_unique<actor_waker>(
      caf_adapter::spawn_periodic(system_, std::move(work), interval));
}

result<std::shared_ptr<executor>> start_own_executor(std::size_t threads) {
  if (auto enough = caf_adapter::owned_system::check_threads(threads); !enough)
    return std::move(enough).error();
  return std::shared_ptr<executor>{
      std::make_shared<own_caf_executor>(std::make_unique<caf_adapter::owned_system>(threads))};
}

} // namespace cairn::detail
