#include "engine_fixture.hpp"
#include "literals.hpp"

#include <cairn/check_replay.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

using namespace test;
using kind = cairn::replay_finding::kind;

namespace {

/// An account as a new version of the program might have it: deposits count twice.
struct generous_account : account {
  static void evolve(state& now, Deposited::Reader e) {
    account::evolve(now, e);
    now.balance += e.getAmount();
  }
  using account::evolve;
};

/// One that does not survive the events of the old program.
struct brittle_account : account {
  static void evolve(state& now, Deposited::Reader e) {
    if (e.getAmount() == 13)
      throw std::runtime_error{"13 is not allowed"};
    account::evolve(now, e);
  }
  using account::evolve;
};

/// One that has another opinion on snapshots, and says so.
struct renumbered_account : generous_account {
  static constexpr std::uint64_t state_version = 7;
};

struct another_account : account {
  static constexpr std::string_view type_name = "another-account";
};

} // namespace

TEST_CASE_FIXTURE(engine_fixture, "a journal that was written by the same code is clean") {
  auto accounts = engine.host<account>({.snapshot_every = 3});
  for (int i = 0; i < 10; ++i) {
    REQUIRE(engine.finish(accounts.ask("a", put(1))));
    REQUIRE(engine.finish(accounts.ask("b", put(2))));
  }
  std::uint64_t reported = 0;
  const auto found = cairn::check_replay<account>(
      journal, {.on_progress = [&](std::uint64_t done, std::uint64_t all) {
        CHECK(all == 2);
        reported = done;
      }});
  REQUIRE(found);
  CHECK(found->clean());
  CHECK(found->aggregates == 2);
  CHECK(found->events == 20);
  CHECK(found->compared_snapshots == 2);
  CHECK(found->incomparable_snapshots == 0);
  CHECK(found->other_streams == 0);
  CHECK(reported == 2);
  CHECK(found->slowest >= found->p99);
  CHECK(found->p99 >= found->median);
}

TEST_CASE_FIXTURE(engine_fixture,
                  "a fold that has changed its meaning is found by the snapshots of the old one") {
  auto accounts = engine.host<account>({.snapshot_every = 3});
  for (int i = 0; i < 4; ++i)
    REQUIRE(engine.finish(accounts.ask("a", put(1))));
  REQUIRE(engine.finish(accounts.ask("b", put(1)))); // has no snapshot
  const auto found = cairn::check_replay<generous_account>(journal);
  REQUIRE(found);
  CHECK(!found->clean());
  REQUIRE(found->findings.size() == 1);
  CHECK(found->findings[0].what == kind::different_state);
  CHECK(found->findings[0].stream == "account/a");
  CHECK(found->findings[0].version == 3_ver);
  CHECK(found->findings[0].position == 3_pos);
}

TEST_CASE_FIXTURE(engine_fixture, "a change that is declared by its version is not a difference") {
  auto accounts = engine.host<account>({.snapshot_every = 3});
  for (int i = 0; i < 4; ++i)
    REQUIRE(engine.finish(accounts.ask("a", put(1))));
  const auto found = cairn::check_replay<renumbered_account>(journal);
  REQUIRE(found);
  CHECK(found->clean());
  CHECK(found->compared_snapshots == 0);
  CHECK(found->incomparable_snapshots == 1);
}

TEST_CASE_FIXTURE(engine_fixture,
                  "an event that evolve cannot take is reported with its place, and "
                  "the other aggregates are checked all the same") {
  auto accounts = engine.host<account>({.snapshot_every = 0});
  REQUIRE(engine.finish(accounts.ask("a", put(1))));
  REQUIRE(engine.finish(accounts.ask("a", put(13))));
  REQUIRE(engine.finish(accounts.ask("b", put(13))));
  REQUIRE(engine.finish(accounts.ask("c", put(1))));
  const auto found = cairn::check_replay<brittle_account>(journal, {.max_findings = 1});
  REQUIRE(found);
  CHECK(found->aggregates == 3);
  CHECK(found->finding_count == 2);
  REQUIRE(found->findings.size() == 1);
  CHECK(found->findings[0].what == kind::failed_event);
  CHECK(found->findings[0].stream == "account/a");
  CHECK(found->findings[0].version == 2_ver);
  CHECK(found->findings[0].position == 2_pos);
  CHECK(found->findings[0].message.find("13 is not allowed") != std::string::npos);
}

TEST_CASE_FIXTURE(engine_fixture, "streams of other types are counted and left alone") {
  auto accounts = engine.host<account>();
  REQUIRE(engine.finish(accounts.ask("a", put(1))));
  REQUIRE(engine.finish(accounts.ask("b", put(1))));
  const auto found = cairn::check_replay<another_account>(journal);
  REQUIRE(found);
  CHECK(found->aggregates == 0);
  CHECK(found->other_streams == 2);
}

TEST_CASE_FIXTURE(engine_fixture, "two types of one name cannot be checked together") {
  const auto found = cairn::check_replay<account, generous_account>(journal);
  REQUIRE(!found);
  CHECK(found.error().code() == cairn::errc::invalid_argument);
}
