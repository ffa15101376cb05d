#include "engine_fixture.hpp"
#include "literals.hpp"

#include <cairn/memory_journal.hpp>

#include <stdexcept>
#include <vector>

using namespace test;
using cairn::errc;

TEST_CASE_FIXTURE(engine_fixture,
                  "history shows the durable events in order, with a range if wanted") {
  auto accounts = engine.host<account>();
  REQUIRE(engine.finish(accounts.ask("other", put(1))));
  REQUIRE(engine.finish(accounts.ask("a", put(100, "salary"))));
  REQUIRE(engine.finish(accounts.ask("a", transfer{.amount = 10, .fee = 1})));
  std::vector<account::event> seen;
  std::vector<cairn::position> positions;
  const auto visit = [&](const cairn::event_info& info, const account::event& event) {
    seen.push_back(event);
    positions.push_back(info.position);
    CHECK(info.version == cairn::version{positions.size()});
  };
  CHECK(accounts.history("a", visit).value() == 3_ver);
  CHECK(seen
        == std::vector<account::event>{deposited{.amount = 100, .note = "salary"},
                                       withdrawn{.amount = 10}, fee_taken{.amount = 1}});
  CHECK(positions == std::vector<cairn::position>{2_pos, 3_pos, 4_pos});

  std::vector<cairn::version> versions;
  const auto note = [&](const cairn::event_info& info, const account::event&) {
    versions.push_back(info.version);
  };
  CHECK(accounts.history("a", note, 2_ver, 2_ver).value() == 2_ver);
  CHECK(versions == std::vector<cairn::version>{2_ver});
  CHECK(accounts.history("a", note, 4_ver).value() == 3_ver);
  CHECK(accounts.history("nobody", note).value() == 0_ver);
  CHECK(versions.size() == 1);
}

TEST_CASE_FIXTURE(engine_fixture, "history does not show what is still in flight") {
  auto accounts = engine.host<account>();
  journal.hold();
  auto held = accounts.ask("a", put(1));
  engine.run();
  CHECK(accounts.history("a", [](const cairn::event_info&, const account::event&) {}).value()
        == 0_ver);
  journal.release_all();
  CHECK(engine.finish(std::move(held)));
}

TEST_CASE_FIXTURE(
    engine_fixture,
    "state_at_version gives the state after each event, and says when there was none") {
  auto accounts = engine.host<account>();
  REQUIRE(engine.finish(accounts.ask("a", put(100, "salary"))));
  REQUIRE(engine.finish(accounts.ask("a", transfer{.amount = 10, .fee = 1})));
  CHECK(accounts.state_at_version("a", 0_ver).value() == account_state{});
  CHECK(accounts.state_at_version("a", 1_ver).value().balance == 100);
  CHECK(accounts.state_at_version("a", 2_ver).value().balance == 90);
  CHECK(accounts.state_at_version("a", 3_ver).value().balance == 89);
  CHECK(accounts.state_at_version("a", 3_ver).value().last_note == "salary");
  const auto beyond = accounts.state_at_version("a", 4_ver).error();
  CHECK(beyond.code() == errc::not_found);
  CHECK(beyond.version() == 3_ver);
  CHECK(accounts.state_at_version("nobody", 1_ver).error().code() == errc::not_found);
}

TEST_CASE("the state as of a time is that of the last event recorded by then") {
  using namespace std::chrono_literals;
  std::chrono::sys_time<std::chrono::nanoseconds> now{1h};
  const auto journal = cairn::make_memory_journal({.wall_clock = [&] { return now; }});
  test_engine engine{*journal};
  auto accounts = engine.host<account>();
  for (const auto minute : {1min, 2min, 4min}) {
    now = std::chrono::sys_time<std::chrono::nanoseconds>{1h + minute};
    REQUIRE(engine.finish(accounts.ask("a", put(10))));
  }
  const auto as_of = [&](std::chrono::nanoseconds time) {
    return accounts.state_at_time("a", std::chrono::sys_time<std::chrono::nanoseconds>{time})
        .value();
  };
  CHECK(as_of(1h).version == 0_ver);
  CHECK(as_of(1h).value == account_state{});
  CHECK(as_of(1h + 1min).version == 1_ver);
  CHECK(as_of(1h + 3min).version == 2_ver);
  CHECK(as_of(1h + 3min).value.balance == 20);
  CHECK(as_of(2h).version == 3_ver);
  CHECK(accounts.state_at_time("nobody", now).value().version == 0_ver);
}

TEST_CASE_FIXTURE(engine_fixture,
                  "an exception from evolve does not come out of state_at_version") {
  auto accounts = engine.host<account>();
  REQUIRE(engine.finish(accounts.ask("a", put(1))));
  REQUIRE(append_foreign(journal, "a", broken{}));
  const auto error = accounts.state_at_version("a", 2_ver).error();
  CHECK(error.code() == errc::evolve_failed);
  CHECK(error.position() == 2_pos);
  CHECK(error.message().find("evolve was told to fail") != std::string::npos);
  CHECK(accounts.state_at_version("a", 1_ver).value().balance == 1);
}

TEST_CASE("reading history when the runtime is at its bound is overloaded, not closed") {
  scripted_journal journal;
  test_engine engine{journal, {.max_outstanding = 1}};
  auto accounts = engine.host<account>();
  auto waiting = accounts.ask("a", put(1));
  CHECK(accounts.state_at_version("a", 1_ver).error().code() == errc::overloaded);
  REQUIRE(engine.finish(std::move(waiting)));
  CHECK(accounts.state_at_version("a", 1_ver));
}
