// Events that go to an actor of a CAF program.

#include "caf_application.hpp"
#include "literals.hpp"

#include <caf/exit_reason.hpp>
#include <caf/response_promise.hpp>
#include <caf/sec.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

using namespace test;
using cairn::errc;
using cairn::event_selection;

namespace {

/// What a follower has seen, and the batches that it has not acknowledged.
struct notes {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<cairn::position> positions;
  std::vector<caf::response_promise> held;
  std::size_t most_held = 0;

  void wait_until_held(std::size_t count) {
    std::unique_lock lock{mutex};
    changed.wait(lock, [&] { return held.size() == count; });
  }
};

/// Keeps every batch unacknowledged, and acknowledges the oldest on request.
caf::behavior slow_follower(caf::event_based_actor* self, std::shared_ptr<notes> into) {
  return {[=](const cairn::caf_events& batch) {
            const std::lock_guard lock{into->mutex};
            CHECK(batch.visit([&](const cairn::event_view& event) {
              into->positions.push_back(event.position());
            }));
            into->held.push_back(self->make_response_promise());
            into->most_held = std::max(into->most_held, into->held.size());
            into->changed.notify_all();
            return into->held.back();
          },
          [=](caf::ok_atom) {
            const std::lock_guard lock{into->mutex};
            into->held.front().deliver(caf::unit);
            into->held.erase(into->held.begin());
            into->changed.notify_all();
          }};
}

struct delivery_fixture : application {
  cairn::runtime runtime = cairn::open_in(system, {.storage = cairn::in_memory{}}).value();
  cairn::aggregates<account> accounts = runtime.host<account>().value();

  void deposit_times(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      REQUIRE(accounts.ask("a", put(1)).get().value().accepted());
  }
  static cairn::caf_delivery_options batches(std::size_t events, std::size_t unacknowledged) {
    cairn::caf_delivery_options options;
    options.events.max_batch_events = events;
    options.max_unacknowledged = unacknowledged;
    return options;
  }
};

} // namespace

TEST_CASE_FIXTURE(delivery_fixture, "a slow actor has no more unacknowledged batches than agreed, "
                                    "and sees every event once and in order") {
  deposit_times(60);
  const auto into = std::make_shared<notes>();
  const auto follower = system.spawn(slow_follower, into);
  auto news = cairn::subscribe_actor(runtime, event_selection::all(), follower, batches(3, 4));
  REQUIRE(news);
  caf::scoped_actor self{system};
  for (std::size_t acknowledged = 0; acknowledged < 20; ++acknowledged) {
    into->wait_until_held(std::min<std::size_t>(4, 20 - acknowledged));
    CHECK(news->position() == cairn::position{3 * acknowledged});
    request_from(self, follower, caf::ok_atom{})
        .receive([] {}, [](const caf::error&) { FAIL("the follower has ended"); });
  }
  deposit_times(1); // live
  into->wait_until_held(1);
  CHECK(news->active());
  news->close();
  CHECK(!news->active());
  CHECK(news->position() == 60_pos);
  const std::lock_guard lock{into->mutex};
  CHECK(into->most_held == 4);
  REQUIRE(into->positions.size() == 61);
  for (std::size_t i = 0; i < 61; ++i)
    CHECK(into->positions[i] == cairn::position{i + 1});
  into->held.clear();
}

TEST_CASE_FIXTURE(delivery_fixture, "an answer that is an error ends the subscription, and the "
                                    "position stays in front of what was not handled") {
  deposit_times(6);
  const auto refuses = [](caf::event_based_actor*, cairn::position beyond) -> caf::behavior {
    return {[beyond](const cairn::caf_events& batch) -> caf::result<int> {
      if (batch.position() > beyond)
        return caf::make_error(caf::sec::runtime_error);
      return 0;
    }};
  };
  auto news = cairn::subscribe_actor(runtime, event_selection::all(), system.spawn(refuses, 4_pos),
                                     batches(2, 1));
  REQUIRE(news);
  const auto ended = news->wait();
  REQUIRE(!ended);
  CHECK(ended.error().code() == errc::handler_failed);
  CHECK(news->position() == 4_pos);
  CHECK(!news->active());
}

TEST_CASE_FIXTURE(delivery_fixture, "the end of the actor ends the subscription, also while "
                                    "nothing happens") {
  const auto into = std::make_shared<notes>();
  const auto follower = system.spawn(slow_follower, into);
  auto news = cairn::subscribe_actor(runtime, event_selection::all(), follower).value();
  caf::anon_send_exit(follower, caf::exit_reason::kill);
  const auto ended = news.wait();
  REQUIRE(!ended);
  CHECK(ended.error().code() == errc::handler_failed);
}

TEST_CASE("closing a runtime ends the subscription of an actor that acknowledges nothing") {
  application with;
  const auto before = with.system.registry().running();
  const auto into = std::make_shared<notes>();
  {
    auto runtime = cairn::open_in(with.system, {.storage = cairn::in_memory{}}).value();
    const auto accounts = runtime.host<account>().value();
    CHECK(accounts.ask("a", put(1)).get().value().accepted());
    auto news = cairn::subscribe_actor(runtime, event_selection::all(),
                                       with.system.spawn(slow_follower, into),
                                       delivery_fixture::batches(1, 1))
                    .value();
    into->wait_until_held(1);
    CHECK(runtime.close());
    CHECK(news.wait());
    CHECK(!news.active());
    const std::lock_guard lock{into->mutex};
    into->held.clear();
  }
  with.system.registry().await_running_count_equal(before); // blocks until it is so
  CHECK(with.system.registry().running() == before);
}

TEST_CASE_FIXTURE(delivery_fixture, "what cannot be delivered is refused") {
  const auto follower = system.spawn(slow_follower, std::make_shared<notes>());
  const auto refused = [&](cairn::runtime& by, caf::actor to, cairn::caf_delivery_options options) {
    auto made = cairn::subscribe_actor(by, event_selection::all(), std::move(to), options);
    return made ? std::nullopt : std::optional{made.error().code()};
  };
  CHECK(refused(runtime, follower, batches(1, 0)) == errc::invalid_argument);
  CHECK(refused(runtime, follower, batches(0, 1)) == errc::invalid_argument);
  CHECK(refused(runtime, {}, batches(1, 1)) == errc::invalid_argument);
  auto alone = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
  CHECK(refused(alone, follower, batches(1, 1)) == errc::invalid_argument);
  CHECK(runtime.close());
  CHECK(refused(runtime, follower, batches(1, 1)) == errc::shut_down);
}
