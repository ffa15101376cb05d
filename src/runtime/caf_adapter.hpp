#pragma once

#include "scheduling/runner.hpp"

#include <cairn/result.hpp>

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

/// Everything that differs between CAF's generations, and all of CAF that Cairn needs. Cairn's own
/// messages are wake-ups without content: what is to be done waits in queues of our own, whose
/// bounds CAF's mailboxes lack.
namespace cairn::detail::caf_adapter {

/// An actor that calls `work->run()` for each wake-up until it returns false. It is not scheduled
/// before the first.
caf::actor spawn(caf::actor_system& system, intrusive_ptr<runner> work);

/// The same, and it wakes itself up each `interval` as well.
caf::actor spawn_periodic(caf::actor_system& system, intrusive_ptr<runner> work,
                          std::chrono::milliseconds interval);

/// Returns what `make` spawns in `system`. As with the functions above, nothing of the system stays
/// behind in the calling thread.
caf::actor spawn_by(caf::actor_system& system, const std::function<caf::actor()>& make);

/// Threads of CAF's scheduler, at least 1.
std::size_t thread_count(const caf::actor_system& system);

/// Makes a thread of CAF's scheduler call `work`, and again, after others had their turn, as long
/// as it returns true.
void schedule(caf::actor_system& system, std::function<bool()> work);

/// From any thread; from within an actor too.
void wake(const caf::actor& target);

/// An actor system configured for Cairn, and its configuration, which must outlive it.
class owned_system {
public:
  /// Whether there are threads to be had for it: where not, CAF would end the program. Errors:
  /// `io_failed`.
  static result<void> check_threads(std::size_t threads);

  /// `threads`: of the scheduler, at least 1.
  explicit owned_system(std::size_t threads);
  ~owned_system();

  caf::actor_system& get() noexcept;

private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

} // namespace cairn::detail::caf_adapter
