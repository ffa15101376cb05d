#include <cairn/caf.hpp>

#include "caf_seam.hpp"
#include "runtime_parts.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/response_promise.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>

#include <cstdint>
#include <unordered_map>
#include <utility>

namespace cairn {
namespace {

struct gateway_state {
  // A promise belongs to the actor's thread, an outcome comes in another: it travels back as a
  // message.
  std::unordered_map<std::uint64_t, caf::response_promise> waiting;
  std::uint64_t last = 0;
};

// CAF 0.17.6 follows a null pointer to the arguments of an actor's function that has none.
caf::behavior gateway_actor(caf::stateful_actor<gateway_state>* self, std::uint64_t first_ticket) {
  self->state.last = first_ticket;
  return {
      [self](const caf_command& command) {
        const auto ticket = ++self->state.last;
        auto promise = self->make_response_promise();
        self->state.waiting.emplace(ticket, promise);
        // The handle keeps the gateway alive until the answer has come.
        command.send().then([me = caf::actor{self}, ticket](result<reply>&& outcome) {
          caf::anon_send(me, ticket, caf_reply{std::move(outcome)});
        });
        return promise;
      },
      [self](std::uint64_t ticket, const caf_reply& answer) {
        const auto found = self->state.waiting.find(ticket);
        if (found == self->state.waiting.end())
          return;
        found->second.deliver(answer);
        self->state.waiting.erase(found);
      },
  };
}

} // namespace

result<runtime> open_in(caf::actor_system& system, runtime_options options) {
  return runtime_access::open(std::move(options), &system);
}

future<reply> caf_command::send() const {
  if (!errand_ || errand_->sent.exchange(true)) {
    return future<reply>::settled(
        error{errc::invalid_argument, "this caf_command is empty, or was sent before"});
  }
  auto once = std::exchange(errand_->ask, {}); // what it holds goes now, whoever has copies
  return once();
}

caf_reply::caf_reply()
  : caf_reply{result<reply>{error{errc::aborted, "an empty caf_reply: no command was asked"}}} {}

caf_reply::caf_reply(result<reply> outcome)
  : outcome_{std::make_shared<const result<reply>>(std::move(outcome))} {}

caf::actor spawn_gateway(caf::actor_system& system) {
  return detail::seam::spawn_by(
      system, [&]() -> caf::actor { return system.spawn(gateway_actor, std::uint64_t{0}); });
}

} // namespace cairn
