#pragma once

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/config.hpp>
#include <caf/error.hpp>

#include <string>
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

inline std::string render(const caf::actor_system& system, const caf::error& problem) {
#if CAF_MAJOR_VERSION >= 1
  (void)system;
  return to_string(problem);
#else
  return system.render(problem);
#endif
}

} // namespace test
