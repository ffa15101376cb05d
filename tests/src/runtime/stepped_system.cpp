#include "stepped_system.hpp"

#include <caf/actor_system_config.hpp>

#if CAF_MAJOR_VERSION >= 1

// CAF 1.x has its deterministic scheduler only for its own test runner, so this is one of ours.

#include <caf/action.hpp>
#include <caf/actor_clock.hpp>
#include <caf/detail/actor_system_access.hpp>
#include <caf/disposable.hpp>
#include <caf/init_global_meta_objects.hpp>
#include <caf/resumable.hpp>
#include <caf/scheduler.hpp>

#include <deque>
#include <map>
#include <utility>

namespace test {
namespace {

class stepped_clock final : public caf::actor_clock {
public:
  using actor_clock::schedule;

  time_point now() const noexcept override { return now_; }

  caf::disposable schedule(time_point when, caf::action what) override {
    waiting_.emplace(when, what);
    return std::move(what).as_disposable();
  }

  void advance(duration_type time) {
    now_ += time;
    while (!waiting_.empty() && waiting_.begin()->first <= now_) {
      auto due = waiting_.extract(waiting_.begin());
      due.mapped().run(); // does nothing if it was disposed of
    }
  }

  void forget() {
    for (auto& [when, what] : std::exchange(waiting_, {}))
      what.dispose();
  }

private:
  time_point now_{std::chrono::hours{1}};
  std::multimap<time_point, caf::action> waiting_;
};

class stepped_scheduler final : public caf::scheduler {
public:
  void schedule(caf::resumable* woken) override { woken_.push_back(woken); }
  void delay(caf::resumable* woken) override { schedule(woken); }
  void start() override {}
  void stop() override { run(); }

  bool run_once() {
    if (woken_.empty())
      return false;
    auto* const first = woken_.front();
    woken_.pop_front();
    // As CAF's own: what runs on, stays in front.
    if (first->resume(this, 1) == caf::resumable::resume_later)
      woken_.push_front(first);
    else
      intrusive_ptr_release(first);
    return true;
  }

  void run() {
    while (run_once()) {
    }
  }

private:
  std::deque<caf::resumable*> woken_;
};

} // namespace

struct stepped_system::parts {
  static caf::actor_system_config& prepare(caf::actor_system_config& config) {
    caf::core::init_global_meta_objects();
    return config;
  }
  static void set_up(caf::actor_system& system, caf::actor_system_config&, void* made) {
    auto& made_parts = *static_cast<parts*>(made);
    auto clock = std::make_unique<stepped_clock>();
    auto scheduler = std::make_unique<stepped_scheduler>();
    made_parts.clock = clock.get();
    made_parts.scheduler = scheduler.get();
    caf::detail::actor_system_access access{system};
    access.clock(std::move(clock));
    access.scheduler(std::move(scheduler));
  }

  ~parts() { clock->forget(); }

  stepped_clock* clock = nullptr;
  stepped_scheduler* scheduler = nullptr;
  caf::actor_system_config config;
  caf::actor_system system{prepare(config), set_up, this};
};

void stepped_system::advance(std::chrono::milliseconds time) {
  parts_->clock->advance(time);
}

bool stepped_system::run_once() {
  return parts_->scheduler->run_once();
}

} // namespace test

#else

#include <caf/scheduler/test_coordinator.hpp>

namespace test {

struct stepped_system::parts {
  static caf::actor_system_config& prepare(caf::actor_system_config& config) {
    config.set("scheduler.policy", caf::atom("testing"));
    return config;
  }

  caf::actor_system_config config;
  caf::actor_system system{prepare(config)};
  caf::scheduler::test_coordinator& scheduler =
      dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
};

void stepped_system::advance(std::chrono::milliseconds time) {
  parts_->scheduler.advance_time(time);
}

bool stepped_system::run_once() {
  return parts_->scheduler.try_run_once();
}

} // namespace test

#endif

namespace test {

stepped_system::stepped_system() : parts_{std::make_unique<parts>()} {
  run(); // what CAF itself begins with
}

stepped_system::~stepped_system() = default;

caf::actor_system& stepped_system::get() noexcept {
  return parts_->system;
}

void stepped_system::run() {
  while (run_once()) {
  }
}

} // namespace test
