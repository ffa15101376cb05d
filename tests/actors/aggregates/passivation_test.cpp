#include "engine_fixture.hpp"
#include "literals.hpp"

#include <string>
#include <vector>

using namespace test;
using cairn::errc;

TEST_CASE_FIXTURE(engine_fixture, "an aggregate without messages for its timeout leaves memory") {
  auto accounts = engine.host<account>({.idle_timeout = 10s});
  REQUIRE(engine.finish(accounts.ask("a", put(5))));
  engine.pass(9s);
  CHECK(engine.figures().resident == 1);
  REQUIRE(engine.finish(balance_of(accounts, "a")));
  engine.pass(9s);
  CHECK(engine.figures().resident == 1); // a query is a message
  engine.pass(1s);
  CHECK(engine.figures().resident == 0);
  CHECK(engine.figures().resident_bytes == 0);
  CHECK(engine.figures().passivations == 1);
  CHECK(engine.finish(balance_of(accounts, "a")).value() == 5);
}

TEST_CASE_FIXTURE(engine_fixture, "an idle timeout of zero keeps aggregates in memory") {
  auto accounts = engine.host<account>({.idle_timeout = 0s});
  REQUIRE(engine.finish(accounts.ask("a", put(5))));
  engine.pass(1000h);
  CHECK(engine.figures().resident == 1);
}

TEST_CASE_FIXTURE(engine_fixture, "an aggregate with an append under way does not leave memory") {
  auto accounts = engine.host<account>({.idle_timeout = 1s});
  journal.hold();
  auto held = accounts.ask("a", put(5));
  engine.run();
  engine.pass(10s);
  CHECK(engine.figures().resident == 1);
  journal.release_all();
  CHECK(engine.finish(std::move(held)).value().accepted());
  engine.pass(10s);
  CHECK(engine.figures().resident == 0);
}

TEST_CASE("beyond the number of residents those unused for longest leave, and nothing is lost") {
  scripted_journal journal;
  test_engine engine{journal, {.max_resident = 8}};
  auto accounts = engine.host<account>();
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 100; ++i) {
      REQUIRE(engine.finish(accounts.ask("a" + std::to_string(i), put(1))));
      REQUIRE(engine.finish(balance_of(accounts, "hot")));
      CHECK(engine.figures().resident <= 9);
    }
  }
  for (int i = 0; i < 100; ++i)
    CHECK(engine.finish(balance_of(accounts, "a" + std::to_string(i))).value() == 3);
  // Second chance: the one that is used all the time has left less often than the others came.
  CHECK(engine.figures().passivations > 250);
}

TEST_CASE("beyond the bytes of residents some leave") {
  scripted_journal journal;
  constexpr std::size_t bound = 1'000'000;
  test_engine engine{journal, {.max_resident_bytes = bound}};
  auto accounts = engine.host<account>();
  for (int i = 0; i < 40; ++i) {
    const auto id = "a" + std::to_string(i);
    REQUIRE(engine.finish(accounts.ask(id, put(1, std::string(100'000, 'x')))));
    engine.pass(0s);
    CHECK(engine.figures().resident_bytes <= bound);
    CHECK(engine.figures().resident <= 10);
  }
  CHECK(engine.figures().passivations >= 30);
  CHECK(engine.figures().resident >= 5);
  CHECK(engine.finish(balance_of(accounts, "a0")).value() == 1);
}

TEST_CASE_FIXTURE(engine_fixture, "memory is counted, and counted down again") {
  auto accounts = engine.host<account>();
  REQUIRE(engine.finish(accounts.ask("a", put(1))));
  const auto small = engine.figures().resident_bytes;
  CHECK(small > 0);
  REQUIRE(engine.finish(accounts.ask("a", put(1, std::string(500'000, 'x')))));
  CHECK(engine.figures().resident_bytes >= small + 500'000);
  engine.passivate_idle();
  CHECK(engine.figures().resident_bytes == 0);
}

TEST_CASE_FIXTURE(engine_fixture,
                  "a message between being asked to leave and leaving is not lost") {
  auto accounts = engine.host<account>({.idle_timeout = 1s});
  for (int i = 0; i < 20; ++i)
    REQUIRE(engine.finish(accounts.ask("a" + std::to_string(i), put(1))));
  // The order of events is the scheduler's: after each single step a message goes to everyone.
  engine.run();
  std::vector<cairn::future<cairn::reply>> sent;
  std::size_t steps = 0;
  for (int round = 0; round < 5; ++round) {
    engine.pass_time_only(2s);
    do {
      for (int i = 0; i < 20; ++i) {
        if ((steps + static_cast<std::size_t>(i)) % 7 == 0)
          sent.push_back(accounts.ask("a" + std::to_string(i), put(1)));
      }
      ++steps;
    } while (engine.run_once() && steps % 200 != 0);
  }
  engine.run();
  for (auto& call : sent) {
    REQUIRE(call.ready());
    CHECK(settled(call).value().accepted());
  }
  std::uint64_t sum = 0;
  for (int i = 0; i < 20; ++i)
    sum += engine.finish(balance_of(accounts, "a" + std::to_string(i))).value();
  CHECK(sum == 20 + sent.size());
  CHECK(engine.figures().outstanding == 0);
}

TEST_CASE_FIXTURE(engine_fixture,
                  "of a storm of activations so many are rebuilt at a time as may be") {
  auto accounts = engine.host<account>();
  for (const char* const id : {"a", "b", "c"})
    REQUIRE(engine.finish(accounts.ask(id, put(1))));
  engine.passivate_idle();
  auto first = accounts.ask("a", put(1));
  auto second = accounts.ask("b", put(1));
  auto third = accounts.ask("c", put(1));
  std::size_t at_once = 0;
  std::size_t most = 0;
  journal.on_replay = [&](const cairn::stream_id&) {
    most = std::max(most, ++at_once);
    while (engine.run_once()) { // the other actors run while this one is reading
    }
    if (most == 1 && journal.replays > 0)
      CHECK(engine.figures().waiting_rehydrations <= 2);
    --at_once;
  };
  engine.run();
  journal.on_replay = {};
  CHECK(most == 1);
  CHECK(settled(first).value().version() == 2_ver);
  CHECK(settled(second).value().version() == 2_ver);
  CHECK(settled(third).value().version() == 2_ver);
  CHECK(engine.figures().waiting_rehydrations == 0);
}

TEST_CASE("aggregates that wait for their turn to be rebuilt lose no message") {
  scripted_journal journal;
  test_engine engine{journal, {.max_concurrent_rehydrations = 2}};
  auto accounts = engine.host<account>();
  std::vector<cairn::future<cairn::reply>> sent;
  for (int i = 0; i < 10; ++i)
    sent.push_back(accounts.ask("a" + std::to_string(i), put(1)));
  std::size_t at_once = 0;
  std::size_t most = 0;
  std::size_t most_waiting = 0;
  journal.on_replay = [&](const cairn::stream_id&) {
    most = std::max(most, ++at_once);
    sent.push_back(accounts.ask("a9", put(1)));
    while (engine.run_once()) {
    }
    most_waiting = std::max(most_waiting, engine.figures().waiting_rehydrations);
    --at_once;
  };
  engine.run();
  journal.on_replay = {};
  CHECK(most == 2);
  CHECK(most_waiting >= 1);
  for (auto& call : sent) {
    REQUIRE(call.ready());
    CHECK(settled(call).value().accepted());
  }
  CHECK(engine.finish(balance_of(accounts, "a9")).value() == sent.size() - 9);
}

TEST_CASE_FIXTURE(engine_fixture,
                  "an aggregate that cannot be rebuilt gives its turn to the next") {
  auto accounts = engine.host<account>();
  REQUIRE(append_foreign(journal, "bad", broken{}));
  auto bad = accounts.ask("bad", put(1));
  auto good = accounts.ask("good", put(1));
  journal.on_replay = [&](const cairn::stream_id&) { (void)engine.run_once(); };
  engine.run();
  journal.on_replay = {};
  CHECK(settled(bad).error().code() == errc::evolve_failed);
  CHECK(settled(good).value().accepted());
}
