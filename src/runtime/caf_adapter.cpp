#include "runtime/caf_adapter.hpp"

#include "runtime/caf_generation.hpp"
#include "support/start_thread.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/behavior.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/logger.hpp>
#include <caf/resumable.hpp>

#include <future>
#include <thread>
#include <utility>
#include <vector>

#if CAF_MAJOR_VERSION >= 1
#include <caf/init_global_meta_objects.hpp>
#else
#include <caf/scheduler/abstract_coordinator.hpp>
#endif

namespace cairn::detail::caf_adapter {
namespace {

// A wake-up is one of CAF's own atoms: no type of ours ever needs to be registered for it.
caf::behavior run_on_wake(caf::event_based_actor* self, intrusive_ptr<runner> work) {
  return {[self, work = std::move(work)](caf::ok_atom) {
    if (!work->run())
      self->quit();
  }};
}

caf::behavior run_on_tick(caf::event_based_actor* self, const intrusive_ptr<runner>& work,
                          std::chrono::milliseconds interval) {
  send_later(self, interval, caf::tick_atom{});
  return {[self, work](caf::ok_atom) {
            if (!work->run())
              self->quit();
          },
          [self, work, interval](caf::tick_atom) {
            if (work->run())
              send_later(self, interval, caf::tick_atom{});
            else
              self->quit();
          }};
}

class task final : public caf::ref_counted, public caf::resumable {
public:
  explicit task(std::function<bool()> work) : work_{std::move(work)} {}

  resume_result resume(execution_context*, std::size_t) override {
    return work_() ? resume_later : done;
  }
#if CAF_MAJOR_VERSION >= 1
  void ref_resumable() const noexcept override {
    ref();
  }
  void deref_resumable() const noexcept override {
    deref();
  }
#else
  void intrusive_ptr_add_ref_impl() override {
    ref();
  }
  void intrusive_ptr_release_impl() override {
    deref();
  }
#endif

private:
  const std::function<bool()> work_;
};

/// Gives the thread the logger that it had, or none. 0.17.6 takes no logger but by its system,
/// which nobody can tell: there it is none.
void restore_logger([[maybe_unused]] caf::logger* before) {
#if CAF_MAJOR_VERSION >= 1
  caf::logger::current_logger(before);
#else
  caf::logger::set_current_actor_system(nullptr);
#endif
}

/// CAF leaves a reference to the system's logger in every thread that spawns an actor or makes a
/// system. A system of 0.17.6 waits in its destructor until no thread holds one: closing a runtime
/// would hang as long as a client's thread lives. One of 1.x leaves the thread with a logger of a
/// system that is gone. This lets go of it, except in the system's own threads.
class logger_guard {
public:
  explicit logger_guard(caf::actor_system& system) noexcept
    : before_{caf::logger::current_logger()}, in_own_thread_{before_ == &system.logger()} {}
  ~logger_guard() {
    if (!in_own_thread_)
      restore_logger(before_);
  }
  logger_guard(const logger_guard&) = delete;
  logger_guard& operator=(const logger_guard&) = delete;

private:
  caf::logger* const before_;
  const bool in_own_thread_;
};

} // namespace

caf::actor spawn(caf::actor_system& system, intrusive_ptr<runner> work) {
  const logger_guard guard{system};
  return system.spawn<caf::lazy_init>(run_on_wake, std::move(work));
}

caf::actor spawn_periodic(caf::actor_system& system, intrusive_ptr<runner> work,
                          std::chrono::milliseconds interval) {
  const logger_guard guard{system};
  return system.spawn(run_on_tick, std::move(work), interval);
}

caf::actor spawn_by(caf::actor_system& system, const std::function<caf::actor()>& make) {
  const logger_guard guard{system};
  return make();
}

std::size_t thread_count(const caf::actor_system& system) {
#if CAF_MAJOR_VERSION >= 1
  // What CAF's schedulers read. Their default is a little finer, and this only sizes our workers.
  const std::size_t by_default = std::max<std::size_t>(4, std::thread::hardware_concurrency());
  const auto count = caf::get_or(system.config(), "caf.scheduler.max-threads", by_default);
#else
  const auto count = const_cast<caf::actor_system&>(system).scheduler().num_workers();
#endif
  return std::max<std::size_t>(1, count);
}

void schedule(caf::actor_system& system, std::function<bool()> work) {
  auto* const queued = new task{std::move(work)}; // the scheduler owns it from here on
#if CAF_MAJOR_VERSION >= 1
  system.scheduler().schedule(queued);
#else
  system.scheduler().enqueue(queued);
#endif
}

void wake(const caf::actor& target) {
  send(target, caf::ok_atom{});
}

struct owned_system::parts {
  explicit parts(std::size_t threads) : system{configure(config, threads)} {}

  static caf::actor_system_config& configure(caf::actor_system_config& config,
                                             std::size_t threads) {
    // CAF's work-stealing scheduler wakes by polling; sharing wakes through a condition variable.
    // With one message for each burst of commands, sharing's central queue is no bottleneck
    // (measured: README).
#if CAF_MAJOR_VERSION >= 1
    caf::core::init_global_meta_objects(); // as often as one likes
    config.set("caf.scheduler.policy", "sharing");
    config.set("caf.scheduler.max-threads", threads);
#else
    config.set("scheduler.policy", caf::atom("sharing"));
    config.set("scheduler.max-threads", threads);
#endif
    return config;
  }

  caf::actor_system_config config;
  caf::actor_system system;
};

result<void> owned_system::check_threads(std::size_t threads) {
  constexpr std::size_t beside_workers = 2; // CAF's clock, and its printer
  std::promise<void> over;
  const auto end = over.get_future().share();
  std::vector<std::thread> started;
  result<void> all;
  for (std::size_t i = 0; (i < threads || i - threads < beside_workers) && all; ++i) {
    auto one = start_thread("cairn-try", [end] { end.wait(); });
    if (one)
      started.push_back(*std::move(one));
    else
      all = std::move(one).error();
  }
  over.set_value();
  for (auto& one : started)
    one.join();
  return all;
}

owned_system::owned_system(std::size_t threads) {
  auto* const before = caf::logger::current_logger();
  parts_ = std::make_unique<parts>(threads);
  restore_logger(before); // see logger_guard
}
owned_system::~owned_system() = default;
caf::actor_system& owned_system::get() noexcept {
  return parts_->system;
}

} // namespace cairn::detail::caf_adapter
