#include "caf_seam.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/behavior.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/logger.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <thread>

namespace cairn::detail::seam {
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
  self->delayed_send(self, interval, caf::tick_atom::value);
  return {[self, work](caf::ok_atom) {
            if (!work->run())
              self->quit();
          },
          [self, work, interval](caf::tick_atom) {
            if (work->run())
              self->delayed_send(self, interval, caf::tick_atom::value);
            else
              self->quit();
          }};
}

/// Keeps a spawn from tying the actor system to the thread that it was called in.
///
/// CAF 0.17.6 gives each thread that makes or spawns something a share of the system's logger, and
/// destroying the system waits until all shares are given back: for ever, while such a thread lives
/// on. Threads that have none before (all but those of CAF) give theirs back at once.
class logger_share {
public:
  explicit logger_share(caf::actor_system& system) noexcept
    : belongs_{caf::logger::current_logger() == &system.logger()} {}
  ~logger_share() {
    if (!belongs_)
      caf::logger::set_current_actor_system(nullptr);
  }
  logger_share(const logger_share&) = delete;
  logger_share& operator=(const logger_share&) = delete;

private:
  bool belongs_;
};

} // namespace

caf::actor spawn(caf::actor_system& system, intrusive_ptr<runner> work) {
  const logger_share share{system};
  return system.spawn<caf::lazy_init>(run_on_wake, std::move(work));
}

caf::actor spawn_periodic(caf::actor_system& system, intrusive_ptr<runner> work,
                          std::chrono::milliseconds interval) {
  const logger_share share{system};
  return system.spawn(run_on_tick, std::move(work), interval);
}

void wake(const caf::actor& target) {
  caf::anon_send(target, caf::ok_atom::value);
}

struct owned_system::parts {
  explicit parts(std::size_t threads) : system{configure(config, threads)} {
    caf::logger::set_current_actor_system(nullptr); // as `logger_share`
  }

  static caf::actor_system_config& configure(caf::actor_system_config& config,
                                             std::size_t threads) {
    // CAF 0.17.6's work-stealing scheduler wakes by polling; sharing wakes through a condition
    // variable. With one message for each burst of commands, sharing's central queue is no
    // bottleneck (measured: README).
    config.set("scheduler.policy", caf::atom("sharing"));
    config.set("scheduler.max-threads",
               threads ? threads : std::max<std::size_t>(2, std::thread::hardware_concurrency()));
    return config;
  }

  caf::actor_system_config config;
  caf::actor_system system;
};

owned_system::owned_system(std::size_t threads) : parts_{std::make_unique<parts>(threads)} {}
owned_system::~owned_system() = default;
caf::actor_system& owned_system::get() noexcept {
  return parts_->system;
}

} // namespace cairn::detail::seam
