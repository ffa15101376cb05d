#include <cairn/caf.hpp>

#include "runtime/runtime_access.hpp"
#include "scheduling/caf_generation.hpp"
#include "scheduling/caf_seam.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/response_promise.hpp>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>

#if CAF_MAJOR_VERSION >= 1
#include <caf/init_global_meta_objects.hpp>
#endif

namespace cairn {
namespace {

struct gateway_state {
  // A promise belongs to the actor's thread, an outcome comes in another: it travels back as a
  // message.
  std::unordered_map<std::uint64_t, caf::response_promise> waiting;
  std::uint64_t last = 0;
};

caf::behavior gateway_actor(caf::event_based_actor* self,
                            const std::shared_ptr<gateway_state>& state) {
  return {
      [self, state](const caf_command& command) {
        const auto ticket = ++state->last;
        auto promise = self->make_response_promise();
        state->waiting.emplace(ticket, promise);
        // The handle keeps the gateway alive until the answer has come.
        command.send().then([me = caf::actor{self}, ticket](result<reply>&& outcome) {
          detail::seam::send(me, ticket, caf_reply{std::move(outcome)});
        });
        return promise;
      },
      [state](std::uint64_t ticket, const caf_reply& answer) {
        const auto found = state->waiting.find(ticket);
        if (found == state->waiting.end())
          return;
        found->second.deliver(answer);
        state->waiting.erase(found);
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

void register_caf_types() {
#if CAF_MAJOR_VERSION >= 1
  caf::core::init_global_meta_objects();
  caf::init_global_meta_objects<caf::id_block::cairn>();
#endif
}

caf::actor spawn_gateway(caf::actor_system& system) {
  return detail::seam::spawn_by(system, [&]() -> caf::actor {
    return system.spawn(gateway_actor, std::make_shared<gateway_state>());
  });
}

} // namespace cairn
