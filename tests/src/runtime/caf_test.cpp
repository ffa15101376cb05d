// Aggregates as actors of a CAF program.

#include "caf_application.hpp"

#include "ledger.hpp"
#include "literals.hpp"

#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <variant>
#include <vector>

using namespace test;
using cairn::errc;

namespace {

/// A runtime in the application's system, and someone who asks.
struct caf_fixture : application {
  cairn::runtime runtime = cairn::open_in(system, {.storage = cairn::in_memory{}}).value();
  cairn::aggregates<account> accounts = runtime.host<account>().value();

  caf::actor actor(std::string_view id) { return cairn::actor_of(accounts, id).value(); }

  /// What a request brings: a reply or a problem.
  std::variant<cairn::caf_reply, caf::error> send(const caf::actor& to,
                                                  const cairn::caf_command& command) {
    caf::scoped_actor self{system};
    std::variant<cairn::caf_reply, caf::error> received;
    request_from(self, to, command)
        .receive([&](const cairn::caf_reply& answer) { received = answer; },
                 [&](caf::error& problem) { received = std::move(problem); });
    return received;
  }
  cairn::reply reply_to(const caf::actor& to, const cairn::caf_command& command) {
    const auto received = send(to, command);
    REQUIRE(std::holds_alternative<cairn::caf_reply>(received));
    return *std::get<cairn::caf_reply>(received);
  }
  caf::error problem_of(const caf::actor& to, const cairn::caf_command& command) {
    const auto received = send(to, command);
    REQUIRE(std::holds_alternative<caf::error>(received));
    return std::get<caf::error>(received);
  }
};

/// What an actor of the application has seen.
struct replies {
  std::vector<cairn::version> versions;
  std::vector<caf::error> problems;
};

/// Sends all of its commands at once, and ends when every one is answered.
void client(caf::event_based_actor* self, caf::actor to, int commands,
            std::shared_ptr<std::promise<replies>> done) {
  const auto seen = std::make_shared<replies>();
  const auto left = std::make_shared<int>(commands);
  const auto one_less = [=] {
    if (--*left == 0)
      done->set_value(*seen);
  };
  for (int i = 0; i < commands; ++i) {
    request_from(self, to, cairn::caf_command{put(1)})
        .then(
            [=](const cairn::caf_reply& answer) {
              seen->versions.push_back(answer->version());
              one_less();
            },
            [=](const caf::error& problem) {
              seen->problems.push_back(problem);
              one_less();
            });
  }
}

} // namespace

TEST_CASE_FIXTURE(
    caf_fixture,
    "an actor of the application sends commands, several in flight, in the order of sending") {
  const auto done = std::make_shared<std::promise<replies>>();
  system.spawn(client, actor("a"), 100, done);
  const auto seen = done->get_future().get();
  CHECK(seen.problems.empty());
  REQUIRE(seen.versions.size() == 100);
  for (std::size_t i = 0; i < 100; ++i)
    CHECK(seen.versions[i] == cairn::version{i + 1});
}

TEST_CASE_FIXTURE(caf_fixture,
                  "a rejection is a reply, and an error of Cairn a caf::error with its code, its "
                  "text and its version") {
  const auto a = actor("a");
  CHECK(reply_to(a, put(5)).version() == 1_ver);
  const auto no = reply_to(a, withdraw{.amount = 9});
  REQUIRE(!no.accepted());
  CHECK(no.rejection().code == "insufficient_funds");

  const auto failed = cairn::error_of(problem_of(a, test::fail{}));
  REQUIRE(failed);
  CHECK(failed->code() == errc::decide_failed);
  CHECK(failed->message().find("decide was told to fail") != std::string::npos);
  cairn::ask_options at_five;
  at_five.expected = cairn::expected_version::exact(5_ver);
  const auto conflict = cairn::error_of(problem_of(a, {put(5), at_five}));
  REQUIRE(conflict);
  CHECK(conflict->code() == errc::version_conflict);
  CHECK(conflict->version() == 1_ver);

  const cairn::error everything =
      cairn::error{errc::not_visible, "text"}.with_version(3_ver).with_position(7_pos);
  CHECK(cairn::error_of(cairn::caf_error_of(everything)) == everything);
  CHECK(!cairn::error_of(caf::make_error(caf::sec::request_timeout)));
  CHECK(!cairn::error_of({}));
}

TEST_CASE_FIXTURE(caf_fixture, "a caf_command may be sent again: it has its effect each time, and "
                               "once if it has a command id") {
  const auto a = actor("a"), b = actor("b");
  const cairn::caf_command same{put(1)};
  CHECK(reply_to(a, same).version() == 1_ver);
  CHECK(reply_to(a, same).version() == 2_ver);
  CHECK(reply_to(b, same).version() == 1_ver);
  cairn::ask_options named;
  named.command_id = cairn::message_id::from_text("once");
  const cairn::caf_command once{put(1), named};
  CHECK(!reply_to(a, once).repeated());
  CHECK(reply_to(a, once).repeated());
  CHECK(reply_to(a, put(1)).version() == 4_ver);
}

TEST_CASE_FIXTURE(caf_fixture, "what an aggregate does not take is answered with "
                               "unexpected_message, and it goes on") {
  const auto a = actor("a");
  CHECK(problem_of(a, {}) == caf::sec::unexpected_message);
  CHECK(problem_of(a, enter{}) == caf::sec::unexpected_message); // another aggregate's
  caf::scoped_actor self{system};
  caf::error problem;
  request_from(self, a, std::string{"hello"})
      .receive([] { FAIL("answered"); }, [&](caf::error& why) { problem = std::move(why); });
  CHECK(problem == caf::sec::unexpected_message);
  CHECK(reply_to(a, put(1)).accepted());
}

TEST_CASE("a handle is for the id: it reaches the aggregate again after it has left memory") {
  application with;
  auto runtime = cairn::open_in(with.system, {.storage = cairn::in_memory{}}).value();
  const auto accounts =
      runtime.host<account>({.idle_timeout = std::chrono::milliseconds{1}}).value();
  caf::scoped_actor self{with.system};
  const auto a = cairn::actor_of(accounts, "a").value();
  for (std::uint64_t times = 1; times <= 3; ++times) {
    cairn::caf_reply answer;
    request_from(self, a, cairn::caf_command{put(1)})
        .receive([&](const cairn::caf_reply& got) { answer = got; },
                 [](const caf::error&) { FAIL("refused"); });
    CHECK(answer->version() == cairn::version{times});
    while (runtime.status().passivations < times)
      std::this_thread::yield();
    CHECK(runtime.status().rehydrations == times); // each time from the journal
  }
  CHECK(runtime.close());
}

TEST_CASE("of commands that are under way while the runtime closes each is answered, and those "
          "that were accepted are in the journal") {
  application with;
  const auto journal = [&] {
    auto runtime = cairn::open_in(with.system, {.storage = cairn::in_memory{}}).value();
    const auto accounts = runtime.host<account>().value();
    std::vector<std::shared_ptr<std::promise<replies>>> clients;
    for (int i = 0; i < 4; ++i) {
      clients.push_back(std::make_shared<std::promise<replies>>());
      with.system.spawn(client, cairn::actor_of(accounts, "a").value(), 500, clients.back());
    }
    CHECK(runtime.close());
    std::size_t accepted = 0;
    for (auto& each : clients) {
      const auto seen = each->get_future().get(); // hangs if one was not answered
      CHECK(seen.versions.size() + seen.problems.size() == 500);
      for (const auto& problem : seen.problems) {
        const auto ours = cairn::error_of(problem);
        CHECK(
            (ours ? ours->code() == errc::shut_down : problem == caf::sec::request_receiver_down));
      }
      accepted += seen.versions.size();
    }
    CHECK(runtime.status().journal.last_position == cairn::position{accepted});
    return accepted;
  };
  (void)journal();
}

TEST_CASE_FIXTURE(caf_fixture, "who monitors a handle is told when the runtime closes, and later "
                               "requests are answered") {
  const auto a = actor("a");
  CHECK(reply_to(a, put(1)).accepted());
  caf::scoped_actor self{system};
  self->monitor(a);
  tally unlinked;
  a->attach_functor([&](const caf::error& reason) {
    CHECK(reason == caf::exit_reason::user_shutdown);
    unlinked.add();
  });
  CHECK(runtime.close());
  CHECK(unlinked.count() == 1);
  self->receive([&](const caf::down_msg& down) {
    CHECK(down.source == a.address());
    CHECK(down.reason == caf::exit_reason::user_shutdown);
  });
  CHECK(problem_of(a, put(1)) == caf::sec::request_receiver_down);
  CHECK(cairn::actor_of(accounts, "a").error().code() == errc::shut_down);
  { const auto gone = std::move(runtime); }
  CHECK(cairn::actor_of(accounts, "a").error().code() == errc::shut_down);
}

TEST_CASE_FIXTURE(caf_fixture, "an exit message ends one handle, and neither the aggregate nor "
                               "another handle for it") {
  const auto one = actor("a"), other = actor("a");
  CHECK(reply_to(one, put(1)).accepted());
  caf::anon_send_exit(one, caf::exit_reason::normal);
  CHECK(reply_to(one, put(1)).accepted()); // as every actor that does not trap exits
  caf::anon_send_exit(one, caf::exit_reason::kill);
  CHECK(problem_of(one, put(1)) == caf::sec::request_receiver_down);
  CHECK(reply_to(other, put(1)).version() == 3_ver);
}

TEST_CASE("only a runtime in the application's actor system has actors, and for ids that can be") {
  application with;
  auto alone = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
  CHECK(cairn::actor_of(alone.host<account>().value(), "a").error().code()
        == errc::invalid_argument);
  auto inside = cairn::open_in(with.system, {.storage = cairn::in_memory{}}).value();
  const auto accounts = inside.host<account>().value();
  CHECK(cairn::actor_of(accounts, "").error().code() == errc::invalid_argument);
  CHECK(cairn::actor_of(accounts, "a").has_value());
}

TEST_CASE("a runtime in the application's actor system leaves no actor behind") {
  application with;
  auto& system = with.system;
  const auto before = system.registry().running();
  std::vector<caf::actor> handles;
  {
    auto runtime = cairn::open_in(system, {.storage = cairn::in_memory{}}).value();
    const auto accounts = runtime.host<account>().value();
    caf::scoped_actor self{system, true};
    for (int i = 0; i < 100; ++i) {
      handles.push_back(cairn::actor_of(accounts, "a" + std::to_string(i)).value());
      request_from(self, handles.back(), cairn::caf_command{put(1)})
          .receive([](const cairn::caf_reply& answer) { CHECK(answer->accepted()); },
                   [](const caf::error&) { FAIL("refused"); });
    }
    handles.resize(50); // the others end with their last handle
    CHECK(system.registry().running() > before);
    CHECK(runtime.close());
  }
  system.registry().await_running_count_equal(before); // blocks until it is so
  CHECK(system.registry().running() == before);
  system.await_all_actors_done();
}

TEST_CASE("two runtimes live in one actor system, and closing one leaves the other") {
  application with;
  auto& system = with.system;
  auto one = cairn::open_in(system, {.storage = cairn::in_memory{}}).value();
  auto other = cairn::open_in(system, {.storage = cairn::in_memory{}}).value();
  const auto here = one.host<account>().value();
  const auto there = other.host<account>().value();
  const auto kept = cairn::actor_of(there, "a").value();
  CHECK(here.ask("a", put(5)).get().value().accepted());
  CHECK(one.close());
  CHECK(here.ask("a", put(5)).get().error().code() == errc::shut_down);
  CHECK(there.ask("a", put(7)).get().value().version() == 1_ver);
  caf::scoped_actor self{system};
  request_from(self, kept, cairn::caf_command{put(1)})
      .receive([](const cairn::caf_reply& answer) { CHECK(answer->version() == 2_ver); },
               [](const caf::error&) { FAIL("ended with the other runtime"); });
}

TEST_CASE("a system can be left although a thread that made handles lives on") {
  std::promise<void> made, left;
  std::thread client;
  {
    application with;
    auto runtime = cairn::open_in(with.system, {.storage = cairn::in_memory{}}).value();
    const auto accounts = runtime.host<account>().value();
    client = std::thread{[&] {
      (void)cairn::actor_of(accounts, "a");
      made.set_value();
      left.get_future().wait();
    }};
    made.get_future().wait();
    CHECK(runtime.close());
  } // hung here
  left.set_value();
  client.join();
}

namespace {

// What the header shows, in a program that uses both namespaces' names.
namespace shown {
using namespace cairn;

void shopper(caf::event_based_actor* self, caf::actor mine, std::shared_ptr<tally> answered) {
  request_from(self, mine, caf_command{put(1)})
      .then([answered](const caf_reply& reply) { answered->add(reply->accepted() ? 1 : 0); },
            [](const caf::error& problem) { CHECK(error_of(problem)); });
}

caf::behavior follower(caf::event_based_actor*, std::shared_ptr<tally> seen) {
  return {[seen](const caf_events& batch) {
    auto handler = [&](const event_info&, const deposited&) { seen->add(); };
    CHECK(batch.visit<account>(handler));
  }};
}

} // namespace shown
} // namespace

TEST_CASE("the example in the header does what it says") {
  application with;
  auto runtime = cairn::open_in(with.system, {.storage = cairn::in_memory{}}).value();
  auto accounts = runtime.host<account>().value();
  const auto answered = std::make_shared<tally>(), seen = std::make_shared<tally>();
  auto news = cairn::subscribe_actor(runtime, cairn::event_selection::all(),
                                     with.system.spawn(shown::follower, seen));
  REQUIRE(news);
  with.system.spawn(shown::shopper, cairn::actor_of(accounts, "a").value(), answered);
  answered->wait_for(1);
  seen->wait_for(1);
  CHECK(runtime.close());
}
