#include "engine_fixture.hpp"
#include "gated_journal.hpp"
#include "literals.hpp"

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace test;
using cairn::errc;

namespace {

/// Whether the engine refuses new requests. The probe's id is invalid, so that it never gets in.
bool is_closing(const cairn::aggregates<account>& accounts) {
  return accounts.ask("", put(1)).get().error().code() == errc::shut_down;
}

} // namespace

TEST_CASE("closing answers everything that was accepted, and refuses what comes then") {
  gated_journal journal;
  threaded_engine engine{journal};
  const auto accounts = engine.host<account>();
  journal.shut();
  std::vector<cairn::future<cairn::reply>> accepted;
  for (int i = 0; i < 100; ++i)
    accepted.push_back(accounts.ask("a" + std::to_string(i % 7), put(1)));
  std::thread closing{[&] { engine.close(); }};
  while (!is_closing(accounts))
    std::this_thread::yield();
  CHECK(accounts.ask("a0", put(1)).get().error().code() == errc::shut_down);
  CHECK(balance_of(accounts, "a0").get().error().code() == errc::shut_down);
  CHECK(engine.figures().outstanding == 100);
  for (const auto& call : accepted)
    CHECK(!call.ready());
  journal.open();
  closing.join();
  for (auto& call : accepted) {
    REQUIRE(call.ready());
    CHECK(call.get().value().accepted());
  }
  CHECK(engine.figures().resident == 0);
  CHECK(engine.figures().resident_bytes == 0);
  CHECK(journal.last_position() == 100_pos);
}

TEST_CASE("closing answers what the journal fails, too") {
  scripted_journal journal;
  std::optional<test_engine> engine{std::in_place, journal};
  auto accounts = engine->host<account>();
  journal.fails_with.emplace(errc::journal_stopped, "an earlier commit failed");
  auto doomed = accounts.ask("a", put(1));
  engine.reset();
  REQUIRE(doomed.ready());
  CHECK(doomed.get().error().code() == errc::journal_stopped);
}

TEST_CASE("closing twice is closing once") {
  scripted_journal journal;
  threaded_engine engine{journal};
  auto accounts = engine.host<account>();
  CHECK(accounts.ask("a", put(1)).get());
  engine.close();
  engine.close();
  CHECK(accounts.ask("a", put(1)).get().error().code() == errc::shut_down);
}

TEST_CASE("a handle that outlives the engine fails with shut_down") {
  scripted_journal journal;
  std::optional<test_engine> engine{std::in_place, journal};
  const auto accounts = engine->host<account>();
  REQUIRE(engine->finish(accounts.ask("a", put(1))));
  engine.reset();
  CHECK(accounts.ask("a", put(1)).get().error().code() == errc::shut_down);
  CHECK(balance_of(accounts, "a").get().error().code() == errc::shut_down);
  CHECK(accounts.state_at_version("a", 1_ver).error().code() == errc::shut_down);
  CHECK(accounts.history("a", [](const cairn::event_info&, const account::event&) {}).error().code()
        == errc::shut_down);
}

TEST_CASE("aggregates hosted on a closed engine fail with shut_down, and are given back") {
  scripted_journal journal;
  std::optional<test_engine> engine{std::in_place, journal};
  engine->close();
  {
    const auto accounts = engine->host<account>(); // what stays is found by the leak checker
    CHECK(accounts.ask("a", put(1)).get().error().code() == errc::shut_down);
  }
  engine.reset();
}

TEST_CASE_FIXTURE(engine_fixture,
                  "hosting a type twice gives the same aggregates and keeps the options") {
  auto accounts = engine.host<account>({.max_outstanding = 1});
  auto again = engine.host<account>({.max_outstanding = 100});
  auto first = accounts.ask("a", put(1));
  CHECK(again.ask("a", put(1)).get().error().code() == errc::overloaded);
  CHECK(engine.finish(std::move(first)).value().version() == 1_ver);
  CHECK(engine.finish(balance_of(again, "a")).value() == 1);
  CHECK(engine.figures().resident == 1);
}

TEST_CASE("what is dropped unread still has its effect") {
  scripted_journal journal;
  {
    test_engine engine{journal};
    auto accounts = engine.host<account>();
    for (int i = 0; i < 5; ++i)
      (void)accounts.ask("a", put(1));
  }
  CHECK(journal.last_position() == 5_pos);
}
