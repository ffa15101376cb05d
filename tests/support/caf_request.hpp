#pragma once

#include <caf/actor.hpp>
#include <caf/config.hpp>

#if CAF_MAJOR_VERSION >= 1
#include <caf/anon_mail.hpp>
#else
#include <caf/send.hpp>
#endif

#include <utility>

namespace test {

/// What an actor writes to ask another: each generation of CAF has its own way.
template <class Self, class... Parts>
auto request_from(Self& self, const caf::actor& to, Parts&&... parts) {
#if CAF_MAJOR_VERSION >= 1
  return self->mail(std::forward<Parts>(parts)...).request(to, caf::infinite);
#else
  return self->request(to, caf::infinite, std::forward<Parts>(parts)...);
#endif
}

/// The same without an answer, and without a sender.
template <class... Parts>
void tell(const caf::actor& to, Parts&&... parts) {
#if CAF_MAJOR_VERSION >= 1
  caf::anon_mail(std::forward<Parts>(parts)...).send(to);
#else
  caf::anon_send(to, std::forward<Parts>(parts)...);
#endif
}

} // namespace test
