#pragma once

#include <cairn/runtime.hpp>

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/config.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#if CAF_MAJOR_VERSION >= 1
#include <caf/type_id.hpp>
#endif

/// For applications that are CAF programs themselves; no other header of Cairn mentions CAF. It is
/// the same for CAF 0.17.6 and 1.x; Cairn and the application must be built with the same one.
namespace cairn {

/// CAF 1.x wants to know the types of messages before the first `caf::actor_system` is made: call
/// this in `main`, or name the block, `CAF_MAIN(caf::id_block::cairn, ...)`. Calling it again does
/// nothing, and neither does calling it with CAF 0.17.6. Only the gateway needs it.
void register_caf_types();

/// Opens a runtime whose aggregates run in the application's actor system, beside its own actors.
///
/// The runtime must be closed before `system` is destroyed. `runtime_options::threads` only sizes
/// what is derived from it: the threads are the system's. Errors: those of `runtime::open`.
///
/// With CAF 0.17.6, a thread of another actor system that sends a command to a runtime logs nothing
/// to its own system's logger from then on: CAF has no way to give that back.
result<runtime> open_in(caf::actor_system& system, runtime_options options);

/// A command on its way from an actor of the application: the content of a `request` to the
/// gateway. Cheap to copy; sent once, by whichever gateway gets a copy first: the others are
/// answered with `invalid_argument`. It never leaves the process.
class caf_command {
public:
  /// For CAF only: an empty command, answered with `invalid_argument`.
  caf_command() = default;

  /// Addresses `command` to the aggregate `id`.
  template <aggregate T, alternative_of<typename T::command> Command>
  caf_command(aggregates<T> to, std::string id, Command command, ask_options options = {})
    : errand_{std::make_shared<errand>(
        [to = std::move(to), id = std::move(id), command = std::move(command), options]() mutable {
          return to.ask(id, std::move(command), options);
        })} {}

  /// Used by the gateway. Any thread.
  future<reply> send() const;

private:
  struct errand {
    explicit errand(detail::unique_function<future<reply>()> call) : ask{std::move(call)} {}
    std::atomic<bool> sent{false}; // who sets it may call `ask`
    detail::unique_function<future<reply>()> ask;
  };

  std::shared_ptr<errand> errand_;
};

/// What the gateway responds: the `result<reply>` that `aggregates::ask` would have brought. Cheap
/// to copy.
class caf_reply {
public:
  /// For CAF only: an empty reply, which holds `aborted`.
  caf_reply();
  explicit caf_reply(result<reply> outcome);

  const result<reply>& get() const noexcept { return *outcome_; }
  const result<reply>& operator*() const noexcept { return *outcome_; }
  const result<reply>* operator->() const noexcept { return outcome_.get(); }

private:
  std::shared_ptr<const result<reply>> outcome_;
};

/// Spawns the actor that takes commands from the application's actors:
///
///     self->request(gateway, caf::infinite, cairn::caf_command{carts, "cart-42", add_item{...}})
///         .then([](const cairn::caf_reply& answer) { ... });
///
/// and with CAF 1.x `self->mail(cairn::caf_command{...}).request(gateway, caf::infinite)`.
///
/// Every command is answered with a `caf_reply`, errors included; a time-out given to `request`
/// stops the waiting, not the command. One gateway serves aggregates of all types. It ends when the
/// last handle to it is dropped.
caf::actor spawn_gateway(caf::actor_system& system);

} // namespace cairn

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cairn::caf_command)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cairn::caf_reply)

#if CAF_MAJOR_VERSION >= 1

namespace cairn::detail {

/// Cairn's types of messages lie beyond those that an application has, which begins at
/// `caf::first_custom_type_id`, 200.
inline constexpr caf::type_id_t first_caf_type_id = 2'000;

} // namespace cairn::detail

CAF_BEGIN_TYPE_ID_BLOCK(cairn, ::cairn::detail::first_caf_type_id)
CAF_ADD_TYPE_ID(cairn, (cairn::caf_command))
CAF_ADD_TYPE_ID(cairn, (cairn::caf_reply))
CAF_END_TYPE_ID_BLOCK(cairn)

#endif
