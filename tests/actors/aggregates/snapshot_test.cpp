#include "engine_fixture.hpp"
#include "literals.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

using namespace test;

namespace {

std::vector<cairn::version> versions_of(const std::vector<cairn::snapshot_draft>& snapshots) {
  std::vector<cairn::version> versions;
  for (const auto& one : snapshots)
    versions.push_back(one.at.version);
  return versions;
}

/// The same account, whose evolve is said to mean something else.
struct revised_account : account {
  static constexpr std::uint64_t state_version = 2;
};

/// Asks for a snapshot whenever the balance is a round hundred.
struct rounding_account : account {
  static bool wants_snapshot(const state& now, cairn::version) { return now.balance % 100 == 0; }
};

/// Asks for a snapshot with an exception.
struct throwing_account : account {
  static bool wants_snapshot(const state&, cairn::version) {
    throw std::runtime_error{"wants_snapshot was told to fail"};
  }
};

account_state fold(const scripted_journal& journal, std::string_view id) {
  cairn::detail::typed_state<account> folded;
  REQUIRE(journal.replay(stream_of(id), 1_ver, cairn::version::max(),
                         [&](const cairn::event_view& event) {
                           folded.evolve(event);
                           return cairn::visit_result::proceed;
                         }));
  return folded.value;
}

} // namespace

TEST_CASE_FIXTURE(engine_fixture, "a snapshot is taken every so many events") {
  auto accounts = engine.host<account>({.snapshot_every = 3});
  for (int i = 0; i < 10; ++i)
    REQUIRE(engine.finish(accounts.ask("a", put(1))));
  CHECK(versions_of(journal.snapshots) == std::vector<cairn::version>{3_ver, 6_ver, 9_ver});
  CHECK(journal.snapshots_beyond.empty());
  CHECK(journal.snapshots[1].at.position == 6_pos);
}

TEST_CASE_FIXTURE(engine_fixture, "no snapshot is taken when there is no rule for one") {
  auto accounts = engine.host<account>({.snapshot_every = 0});
  for (int i = 0; i < 1000; ++i)
    (void)accounts.ask("a", put(1));
  engine.run();
  CHECK(journal.snapshots.empty());
}

TEST_CASE_FIXTURE(engine_fixture, "an aggregate may ask for snapshots by a predicate of its own") {
  auto accounts = engine.host<rounding_account>({.snapshot_every = 0});
  for (int i = 0; i < 4; ++i)
    REQUIRE(engine.finish(accounts.ask("a", put(50))));
  CHECK(versions_of(journal.snapshots) == std::vector<cairn::version>{2_ver, 4_ver});
}

TEST_CASE_FIXTURE(engine_fixture, "a predicate that throws costs the snapshot and nothing else") {
  auto accounts = engine.host<throwing_account>();
  CHECK(engine.finish(accounts.ask("a", put(50))).value().accepted());
  CHECK(engine.finish(accounts.ask("a", put(50))).value().version() == 2_ver);
  CHECK(journal.snapshots.empty());
}

TEST_CASE_FIXTURE(engine_fixture, "a snapshot is never ahead of what is durable") {
  auto accounts = engine.host<account>({.snapshot_every = 2});
  journal.hold();
  std::vector<cairn::future<cairn::reply>> replies;
  for (int i = 0; i < 3; ++i) {
    replies.push_back(accounts.ask("a", put(1)));
    engine.run();
  }
  CHECK(journal.snapshots.empty());
  journal.release_one();
  engine.run();
  CHECK(journal.snapshots.empty());
  journal.release_one();
  engine.run();
  CHECK(versions_of(journal.snapshots) == std::vector<cairn::version>{2_ver});
  CHECK(journal.snapshots.front().at.position == 2_pos);
  journal.release_one();
  engine.run();
  CHECK(journal.snapshots_beyond.empty());
}

TEST_CASE_FIXTURE(engine_fixture, "a snapshot of events that failed is never kept") {
  auto accounts = engine.host<account>({.snapshot_every = 2});
  REQUIRE(engine.finish(accounts.ask("a", put(1))));
  journal.hold();
  auto doomed = accounts.ask("a", put(1));
  engine.run();
  journal.fail_one({cairn::errc::storage_full, "no room"});
  engine.run();
  journal.stop_holding();
  CHECK(!settled(doomed));
  CHECK(journal.snapshots.empty());
  REQUIRE(engine.finish(accounts.ask("a", put(5))));
  REQUIRE(versions_of(journal.snapshots) == std::vector<cairn::version>{2_ver});
  engine.passivate_idle();
  CHECK(engine.finish(balance_of(accounts, "a")).value() == 6);
}

TEST_CASE_FIXTURE(engine_fixture,
                  "a snapshot and the events after it add up to the whole history") {
  auto accounts = engine.host<account>({.snapshot_every = 4});
  for (std::uint64_t i = 1; i <= 11; ++i) {
    REQUIRE(engine.finish(accounts.ask("a", put(i, "note " + std::to_string(i)))));
    if (i % 3 == 0)
      REQUIRE(engine.finish(accounts.ask("a", transfer{.amount = 1, .fee = 1})));
    engine.passivate_idle();
    REQUIRE(engine.figures().resident == 0);
    const auto before = journal.replayed_events;
    const auto now = engine.finish(accounts.query("a", [](const account_state& s) { return s; }));
    CHECK(journal.replayed_events - before < 5);
    CHECK(now.value() == fold(journal, "a"));
  }
  CHECK(!journal.snapshots.empty());
}

TEST_CASE("a snapshot of another schema is ignored, counted, and replaced") {
  scripted_journal journal;
  {
    test_engine engine{journal};
    auto accounts = engine.host<account>({.snapshot_every = 2});
    for (int i = 0; i < 3; ++i)
      REQUIRE(engine.finish(accounts.ask("a", put(1))));
  }
  REQUIRE(journal.snapshots.size() == 1);
  test_engine engine{journal};
  auto accounts = engine.host<revised_account>({.snapshot_every = 2});
  const auto before = journal.replayed_events;
  const auto balance = accounts.query("a", [](const account_state& now) { return now.balance; });
  engine.run();
  CHECK(engine.figures().ignored_snapshots == 1);
  CHECK(journal.replayed_events - before == 3);
  REQUIRE(engine.finish(accounts.ask("a", put(1))));
  REQUIRE(journal.snapshots.size() >= 2);
  CHECK(journal.snapshots.back().fingerprint != journal.snapshots.front().fingerprint);
  engine.passivate_idle();
  CHECK(engine.finish(accounts.query("a", [](const account_state& now) { return now.balance; }))
            .value()
        == 4);
  CHECK(engine.figures().ignored_snapshots == 1);
}

TEST_CASE_FIXTURE(engine_fixture, "a damaged snapshot is ignored and the state rebuilt") {
  auto accounts = engine.host<account>({.snapshot_every = 0});
  for (int i = 0; i < 3; ++i)
    REQUIRE(engine.finish(accounts.ask("a", put(1), with_id(static_cast<std::uint64_t>(i) + 1))));
  const auto fingerprint =
      cairn::detail::typed_model<account>{cairn::aggregate_options{}}.fingerprint;
  const std::vector<cairn::recent_command> recent{{{1, 77}, 2_ver, 2_pos}};
  auto wrong = cairn::snapshot_draft::encode(stream_of("a"), {2_ver, 2_pos}, fingerprint, recent,
                                             [](capnp::AnyPointer::Builder into) {
                                               // A text where the state should be.
                                               into.setAs<capnp::Text>("not a state");
                                             });
  journal.submit_snapshot(std::move(wrong));
  engine.passivate_idle();
  CHECK(engine.finish(balance_of(accounts, "a")).value() == 3);
  CHECK(journal.status().damaged_snapshots == 1);
  CHECK(!engine.finish(accounts.ask("a", put(1), with_id(77))).value().repeated());
}

TEST_CASE_FIXTURE(engine_fixture,
                  "a snapshot taken behind several appends is kept when the last of them lands") {
  auto accounts = engine.host<account>({.snapshot_every = 3});
  journal.hold();
  for (int i = 0; i < 3; ++i) {
    (void)accounts.ask("a", put(1));
    engine.run();
  }
  journal.release_one();
  engine.run();
  journal.release_all();
  engine.run();
  CHECK(versions_of(journal.snapshots) == std::vector<cairn::version>{3_ver});
}
