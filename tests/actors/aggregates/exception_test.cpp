#include "engine_fixture.hpp"
#include "literals.hpp"

#include <stdexcept>
#include <string>
#include <vector>

namespace test {

/// An event that cannot be written.
struct unwritable {
  bool operator==(const unwritable&) const = default;
};

} // namespace test

template <>
struct cairn::schema_of<test::unwritable> {
  using wire = test::Broken;
  static void write(const test::unwritable&, wire::Builder) {
    throw std::runtime_error{"the event was told not to be written"};
  }
  static test::unwritable read(wire::Reader) { return {}; }
  static std::size_t heap_bytes(const test::unwritable&) noexcept { return 0; }
};

using namespace test;
using cairn::errc;

namespace {

const fail in_evolve{.where = fail_where::evolve};

/// Closing an account is something that happened before this version of the program knew of it.
struct older_account : account {
  using command = std::variant<deposit>;
  using event = std::variant<deposited>;
  static cairn::decision<event> decide(const state&, const deposit& c) {
    return deposited{.amount = c.amount, .note = c.note};
  }
  static void evolve(state& now, const deposited& e) { now.balance += e.amount; }
};

/// Decides an event that cannot be written after one that can.
struct unwritable_account : account {
  using command = std::variant<deposit, withdraw>;
  using event = std::variant<deposited, unwritable>;
  static cairn::decision<event> decide(const state&, const deposit& c) {
    return {deposited{.amount = c.amount, .note = {}}, unwritable{}};
  }
  static cairn::decision<event> decide(const state&, const withdraw& c) {
    return deposited{.amount = c.amount, .note = "the other way round"};
  }
  static void evolve(state& now, const deposited& e) { now.balance += e.amount; }
  static void evolve(state&, const unwritable&) {}
};

} // namespace

TEST_CASE_FIXTURE(engine_fixture,
                  "an event that cannot be encoded takes the command's other events along") {
  auto accounts = engine.host<unwritable_account>();
  auto failed = accounts.ask("a", put(5));
  auto after = accounts.ask("a", take(7)); // in the same append
  engine.run();
  CHECK(settled(failed).error().code() == errc::decide_failed);
  CHECK(settled(after).value().version() == 1_ver);
  CHECK(journal.last_position() == 1_pos);
  CHECK(engine.finish(accounts.query("a", [](const account_state& now) { return now.balance; }))
            .value()
        == 7);
}

TEST_CASE_FIXTURE(engine_fixture, "an exception from decide fails that command only") {
  auto accounts = engine.host<account>();
  auto before = accounts.ask("a", put(5));
  auto failed = accounts.ask("a", fail{.where = fail_where::decide});
  auto after = accounts.ask("a", put(5));
  engine.run();
  CHECK(settled(before).value().version() == 1_ver);
  const auto error = settled(failed).error();
  CHECK(error.code() == errc::decide_failed);
  CHECK(error.message().find("decide was told to fail") != std::string::npos);
  CHECK(settled(after).value().version() == 2_ver);
  CHECK(engine.figures().rehydrations == 1);
}

TEST_CASE_FIXTURE(
    engine_fixture,
    "an exception from evolve fails that command only and leaves no trace in the state") {
  auto accounts = engine.host<account>();
  journal.hold();
  auto before = accounts.ask("a", put(5));
  auto failed = accounts.ask("a", in_evolve);
  auto after = accounts.ask("a", take(5));
  auto query = balance_of(accounts, "a");
  engine.run();
  CHECK(!after.ready());
  journal.release_all();
  engine.run();
  journal.release_all();
  engine.run();
  CHECK(settled(before).value().version() == 1_ver);
  const auto error = settled(failed).error();
  CHECK(error.code() == errc::evolve_failed);
  CHECK(error.position() == 0_pos);
  CHECK(error.message().find("evolve was told to fail") != std::string::npos);
  CHECK(settled(after).value().version() == 2_ver);
  CHECK(settled(query).value() == 0);
  CHECK(journal.last_position() == 2_pos);
  CHECK(engine.figures().rehydrations == 2);
}

TEST_CASE_FIXTURE(engine_fixture, "an exception from a query fails that query only") {
  auto accounts = engine.host<account>();
  auto thrown = accounts.query("a", [](const account_state&) -> int {
    throw std::runtime_error{"the query was told to fail"};
  });
  auto odd = accounts.query("a", [](const account_state&) -> int { throw 5; });
  auto after = accounts.ask("a", put(5));
  engine.run();
  const auto error = settled(thrown).error();
  CHECK(error.code() == errc::decide_failed);
  CHECK(error.message().find("the query was told to fail") != std::string::npos);
  CHECK(settled(odd).error().message().find("unknown type") != std::string::npos);
  CHECK(settled(after).value().accepted());
}

TEST_CASE_FIXTURE(
    engine_fixture,
    "an event that evolve refuses in the journal fails every call with its position") {
  auto accounts = engine.host<account>();
  REQUIRE(engine.finish(accounts.ask("other", put(1))));
  REQUIRE(engine.finish(accounts.ask("a", put(5))));
  REQUIRE(append_foreign(journal, "a", broken{}));
  engine.passivate_idle();
  for (int i = 0; i < 2; ++i) {
    auto command = accounts.ask("a", put(1));
    auto query = balance_of(accounts, "a");
    engine.run();
    const auto error = settled(command).error();
    CHECK(error.code() == errc::evolve_failed);
    CHECK(error.position() == 3_pos);
    CHECK(error.message().find("evolve was told to fail") != std::string::npos);
    CHECK(settled(query).error().code() == errc::evolve_failed);
  }
  CHECK(engine.finish(balance_of(accounts, "other")).value() == 1);
  CHECK(engine.figures().outstanding == 0);
  CHECK(engine.figures().resident == 1);
}

TEST_CASE_FIXTURE(engine_fixture,
                  "an event that the aggregate does not list fails with its position and type") {
  REQUIRE(append_foreign(journal, "a", deposited{.amount = 1, .note = {}}));
  REQUIRE(append_foreign(journal, "a", closed{}));
  auto accounts = engine.host<older_account>();
  for (int i = 0; i < 2; ++i) {
    const auto error = engine.finish(accounts.ask("a", put(1))).error();
    CHECK(error.code() == errc::evolve_failed);
    CHECK(error.position() == 2_pos);
    CHECK(error.message().find("does not list") != std::string::npos);
  }
  const auto history =
      accounts.history("a", [](const cairn::event_info&, const older_account::event&) {});
  REQUIRE(!history);
  CHECK(history.error().code() == errc::evolve_failed);
  CHECK(history.error().position() == 2_pos);
  CHECK(accounts.state_at_version("a", 1_ver).value().balance == 1);
  CHECK(accounts.state_at_version("a", 2_ver).error().code() == errc::evolve_failed);
}

TEST_CASE_FIXTURE(engine_fixture,
                  "a journal that cannot be read fails the calls, and the next ones try afresh") {
  auto accounts = engine.host<account>();
  REQUIRE(engine.finish(accounts.ask("a", put(5))));
  engine.passivate_idle();
  journal.replay_fails_with =
      cairn::error{errc::corrupt_record, "record 1 fails its checksum"}.with_position(1_pos);
  const auto error = engine.finish(accounts.ask("a", put(1))).error();
  CHECK(error.code() == errc::corrupt_record);
  CHECK(error.position() == 1_pos);
  journal.replay_fails_with.reset();
  CHECK(engine.finish(accounts.ask("a", put(1))).value().version() == 2_ver);
}

TEST_CASE_FIXTURE(engine_fixture,
                  "who asks again from the continuation of a failed call is answered, too") {
  auto accounts = engine.host<account>();
  REQUIRE(append_foreign(journal, "a", broken{}));
  std::vector<errc> seen;
  accounts.ask("a", put(1)).then([&](cairn::result<cairn::reply>&& outcome) {
    seen.push_back(outcome.error().code());
    accounts.ask("a", put(1)).then([&](cairn::result<cairn::reply>&& second) {
      seen.push_back(second.error().code());
    });
  });
  engine.run();
  CHECK(seen == std::vector<errc>{errc::evolve_failed, errc::evolve_failed});
  CHECK(engine.figures().outstanding == 0);
}
