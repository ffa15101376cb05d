#include "engine_fixture.hpp"
#include "literals.hpp"

using namespace test;
using cairn::errc;
using cairn::expected_version;

TEST_CASE_FIXTURE(engine_fixture, "an expected version that is met lets the command through") {
  auto accounts = engine.host<account>();
  const auto accepted = [&](expected_version expected) {
    return engine.finish(accounts.ask("a", put(1), expecting(expected))).value().accepted();
  };
  CHECK(accepted(expected_version::none()));
  CHECK(accepted(expected_version::exact(1_ver)));
  CHECK(accepted(expected_version::exists()));
  CHECK(accepted(expected_version::any()));
}

TEST_CASE_FIXTURE(engine_fixture, "a conflict carries the actual version and writes nothing") {
  auto accounts = engine.host<account>();
  const auto conflict = [&](std::string_view id, expected_version expected) {
    const auto outcome = engine.finish(accounts.ask(id, put(1), expecting(expected)));
    REQUIRE(!outcome);
    CHECK(outcome.error().code() == errc::version_conflict);
    return outcome.error().version();
  };
  CHECK(conflict("new", expected_version::exists()) == 0_ver);
  CHECK(conflict("new", expected_version::exact(1_ver)) == 0_ver);
  REQUIRE(engine.finish(accounts.ask("a", put(1))));
  REQUIRE(engine.finish(accounts.ask("a", put(1))));
  CHECK(conflict("a", expected_version::none()) == 2_ver);
  CHECK(conflict("a", expected_version::exact(1_ver)) == 2_ver);
  CHECK(conflict("a", expected_version::exact(3_ver)) == 2_ver);
  CHECK(conflict("a", expected_version::exact(0_ver)) == 2_ver);
  CHECK(journal.last_position() == 2_pos);
}

TEST_CASE_FIXTURE(engine_fixture, "an expected version counts events in flight") {
  auto accounts = engine.host<account>();
  journal.hold();
  auto first = accounts.ask("a", put(1), expecting(expected_version::none()));
  engine.run();
  auto second = accounts.ask("a", put(1), expecting(expected_version::exact(1_ver)));
  auto conflicting = accounts.ask("a", put(1), expecting(expected_version::exact(1_ver)));
  engine.run();
  journal.release_all();
  engine.run();
  CHECK(settled(first).value().version() == 1_ver);
  CHECK(settled(second).value().version() == 2_ver);
  CHECK(settled(conflicting).error().version() == 2_ver);
}
