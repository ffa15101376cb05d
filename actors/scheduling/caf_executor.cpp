#include "scheduling/caf_executor.hpp"

#include "scheduling/caf_seam.hpp"

#include <utility>

namespace cairn::detail {
namespace {

class actor_waker final : public executor::waker {
public:
  explicit actor_waker(caf::actor target) noexcept : target_{std::move(target)} {}
  void wake() noexcept override { seam::wake(target_); }

private:
  const caf::actor target_;
};

} // namespace

std::size_t caf_executor::lanes() const {
  return seam::thread_count(system_);
}

void caf_executor::schedule(std::function<bool()> work) {
  seam::schedule(system_, std::move(work));
}

std::unique_ptr<executor::waker> caf_executor::run_when_woken(intrusive_ptr<runner> work) {
  return std::make_unique<actor_waker>(seam::spawn(system_, std::move(work)));
}

std::unique_ptr<executor::waker>
caf_executor::run_periodically(intrusive_ptr<runner> work, std::chrono::milliseconds interval) {
  return std::make_unique<actor_waker>(seam::spawn_periodic(system_, std::move(work), interval));
}

caf::actor caf_executor::make_body() {
  return seam::spawn_body(system_);
}

void caf_executor::retire_body(const caf::actor& body) {
  seam::retire(body);
}

} // namespace cairn::detail
