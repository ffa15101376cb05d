#include <cairn/caf.hpp>

#include "account.hpp"
#include "caf_request.hpp"

#include <caf/actor_registry.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>

#include <doctest/doctest.h>

#include <array>
#include <barrier>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace test;
using cairn::errc;

namespace {

deposit put(std::uint64_t amount) {
  return {.amount = amount, .note = {}};
}

struct application {
  caf::actor_system_config config;
  caf::actor_system system{prepare(config)};

  static caf::actor_system_config& prepare(caf::actor_system_config& config) {
    cairn::register_caf_types();
    return config;
  }
};

/// What an actor of the application has seen.
struct replies {
  std::vector<std::uint64_t> versions;
  std::vector<std::string> problems;
};

/// Sends all of its commands at once, and ends when every one is answered.
void client(caf::event_based_actor* self, caf::actor gateway, cairn::aggregates<account> accounts,
            int commands, std::shared_ptr<std::promise<replies>> done) {
  auto seen = std::make_shared<replies>();
  auto left = std::make_shared<int>(commands);
  for (int i = 0; i < commands; ++i) {
    request_from(self, gateway, cairn::caf_command{accounts, "a", put(1)})
        .then([=](const cairn::caf_reply& answer) {
          if (answer.get())
            seen->versions.push_back(answer->value().version());
          else
            seen->problems.push_back(answer->error().message());
          if (--*left == 0)
            done->set_value(*seen);
        });
  }
}

} // namespace

TEST_CASE(
    "an actor of the application sends commands, several in flight, in the order of sending") {
  application with;
  auto& system = with.system;
  auto runtime = cairn::open_in(system, {}).value();
  const auto accounts = runtime.host<account>().value();
  const auto done = std::make_shared<std::promise<replies>>();
  {
    const auto gateway = cairn::spawn_gateway(system);
    system.spawn(client, gateway, accounts, 100, done);
  }
  const auto seen = done->get_future().get();
  CHECK(seen.problems.empty());
  REQUIRE(seen.versions.size() == 100);
  for (std::size_t i = 0; i < 100; ++i)
    CHECK(seen.versions[i] == i + 1);
  CHECK(runtime.close());
}

TEST_CASE(
    "every command through the gateway is answered with a caf_reply, errors and rejections too") {
  application with;
  auto& system = with.system;
  auto runtime = cairn::open_in(system, {}).value();
  const auto accounts = runtime.host<account>().value();
  {
    const auto gateway = cairn::spawn_gateway(system);
    caf::scoped_actor self{system};
    const auto send = [&](const cairn::caf_command& command) {
      cairn::caf_reply received;
      request_from(self, gateway, command)
          .receive([&](const cairn::caf_reply& answer) { received = answer; },
                   [&](const caf::error& problem) { FAIL(render(system, problem)); });
      return received;
    };
    CHECK(send({accounts, "a", put(5)})->value().version() == 1);
    CHECK(send({accounts, "a", withdraw{.amount = 9}})->value().rejection().code
          == "insufficient_funds");
    CHECK(send({accounts, "", put(5)})->error().code() == errc::invalid_argument);
    CHECK(send({accounts, "a", fail{}})->error().code() == errc::decide_failed);
    cairn::ask_options once;
    once.command_id = cairn::message_id::from_text("once");
    CHECK(!send({accounts, "a", put(5), once})->value().repeated());
    CHECK(send({accounts, "a", put(5), once})->value().repeated());

    CHECK(send({})->error().code() == errc::invalid_argument); // an empty command
    const cairn::caf_command twice{accounts, "a", put(5)};
    CHECK(send(twice)->value().accepted());
    CHECK(send(twice)->error().code() == errc::invalid_argument);
    CHECK(cairn::caf_reply {} -> error().code() == errc::aborted);

    CHECK(runtime.close());
    CHECK(send({accounts, "a", put(5)})->error().code() == errc::shut_down);
  }
}

TEST_CASE("a runtime in the application's actor system leaves no actor behind") {
  application with;
  auto& system = with.system;
  const auto before = system.registry().running();
  {
    auto runtime = cairn::open_in(system, {}).value();
    const auto accounts = runtime.host<account>().value();
    std::vector<cairn::future<cairn::reply>> sent;
    for (int i = 0; i < 1000; ++i)
      sent.push_back(accounts.ask("a" + std::to_string(i), put(1)));
    for (auto& call : sent)
      CHECK(call.get().value().accepted());
    const auto gateway = cairn::spawn_gateway(system);
    CHECK(system.registry().running() > before);
    CHECK(runtime.close());
  }
  system.registry().await_running_count_equal(before); // blocks until it is so
  CHECK(system.registry().running() == before);
}

TEST_CASE("two runtimes live in one actor system, and closing one leaves the other") {
  application with;
  auto& system = with.system;
  auto one = cairn::open_in(system, {}).value();
  auto other = cairn::open_in(system, {}).value();
  const auto here = one.host<account>().value();
  const auto there = other.host<account>().value();
  CHECK(here.ask("a", put(5)).get().value().accepted());
  CHECK(one.close());
  CHECK(here.ask("a", put(5)).get().error().code() == errc::shut_down);
  CHECK(there.ask("a", put(7)).get().value().version() == 1);
}

TEST_CASE("of the copies of a caf_command that several threads send at once one is sent") {
  caf::actor_system_config config;
  caf::actor_system system{config};
  auto runtime = cairn::open_in(system, {}).value();
  const auto accounts = runtime.host<account>().value();
  constexpr std::size_t commands = 5'000;
  std::vector<cairn::caf_command> shared;
  for (std::size_t i = 0; i < commands; ++i)
    shared.emplace_back(accounts, "a", put(1));
  std::array<std::vector<cairn::future<cairn::reply>>, 2> sent;
  std::barrier together{2};
  const auto send_all = [&](std::vector<cairn::future<cairn::reply>>& into) {
    auto copies = shared;
    together.arrive_and_wait();
    for (const auto& command : copies)
      into.push_back(command.send());
  };
  std::thread other{[&] { send_all(sent[1]); }};
  send_all(sent[0]);
  other.join();
  for (std::size_t i = 0; i < commands; ++i) {
    auto one = sent[0][i].get(), two = sent[1][i].get();
    REQUIRE(one.has_value() != two.has_value());
    REQUIRE((one ? two : one).error().code() == errc::invalid_argument);
  }
  auto balance = accounts.query("a", [](const account_state& now) { return now.balance; });
  CHECK(balance.get().value() == commands);
  CHECK(runtime.close());
}

TEST_CASE("a system can be left although a thread that spawned a gateway lives on") {
  std::promise<void> spawned, left;
  std::thread client;
  {
    caf::actor_system_config config;
    caf::actor_system system{config};
    client = std::thread{[&] {
      (void)cairn::spawn_gateway(system);
      spawned.set_value();
      left.get_future().wait();
    }};
    spawned.get_future().wait();
  } // hung here
  left.set_value();
  client.join();
}
