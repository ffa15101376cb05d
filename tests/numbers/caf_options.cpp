#include "caf_options.hpp"

#include "account.hpp"
#include "latch.hpp"

#include <cairn/caf.hpp>

#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>

namespace numbers {

cairn::caf_delivery_options use<cairn::caf_delivery_options>::usual() {
  return {};
}

/// An actor gets an event, in an application of its own.
cairn::result<void>
use<cairn::caf_delivery_options>::run(const cairn::caf_delivery_options& options) {
  cairn::register_caf_types();
  test::latch seen;
  seen.shut();
  caf::actor_system_config config;
  caf::actor_system system{config};
  auto runtime = cairn::open_in(system, {.storage = cairn::in_memory{}}).value();
  const auto accounts = runtime.host<test::account>().value();
  if (const auto put = accounts.ask("a", test::deposit{.amount = 1, .note = {}}).get(); !put)
    return put.error();
  const auto follower = system.spawn(
      [](caf::event_based_actor*, test::latch* arrived) -> caf::behavior {
        return {[arrived](const cairn::caf_events&) { arrived->open(); }};
      },
      &seen);
  auto news = cairn::subscribe_actor(runtime, cairn::event_selection::all(), follower, options);
  if (!news)
    return news.error();
  seen.pass();
  return runtime.close();
}

} // namespace numbers
