#pragma once

#include <caf/actor.hpp>
#include <caf/config.hpp>

#include <chrono>
#include <utility>

#if CAF_MAJOR_VERSION >= 1
#include <caf/anon_mail.hpp>
#include <caf/scheduler.hpp>
#else
#include <caf/execution_unit.hpp>
#include <caf/send.hpp>
#endif

/// What CAF 0.17.6 and 1.x call by different names, where something is sent or scheduled.
namespace cairn::detail::caf_adapter {

#if CAF_MAJOR_VERSION >= 1
using execution_context = caf::scheduler;
#else
using execution_context = caf::execution_unit;
#endif

/// Sends a message without a sender.
template <class... Parts>
void send(const caf::actor& to, Parts&&... parts) {
#if CAF_MAJOR_VERSION >= 1
  caf::anon_mail(std::forward<Parts>(parts)...).send(to);
#else
  caf::anon_send(to, std::forward<Parts>(parts)...);
#endif
}

/// The actor sends itself a message, by the clock of its system.
template <class Self, class Part>
void send_later(Self* self, std::chrono::milliseconds delay, Part part) {
#if CAF_MAJOR_VERSION >= 1
  self->mail(part).delay(delay).send(caf::actor{self});
#else
  self->delayed_send(self, delay, part);
#endif
}

} // namespace cairn::detail::caf_adapter
