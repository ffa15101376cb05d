#include "engine_fixture.hpp"
#include "literals.hpp"

#include <string>
#include <vector>

using namespace test;
using cairn::errc;

namespace {

struct failure_fixture : engine_fixture {
  cairn::aggregates<account> accounts = engine.host<account>();

  failure_fixture() {
    REQUIRE(engine.finish(accounts.ask("a", put(10))));
    journal.hold();
  }
};

const errc append_failures[] = {errc::version_conflict, errc::storage_full,    errc::io_failed,
                                errc::outcome_unknown,  errc::journal_stopped, errc::overloaded,
                                errc::corrupt_record,   errc::shut_down};

} // namespace

TEST_CASE_FIXTURE(failure_fixture,
                  "a failed append fails its commands with its error and all in flight behind it") {
  for (const auto kind : append_failures) {
    CAPTURE(cairn::to_string(kind));
    journal.hold();
    auto first = accounts.ask("a", put(100));
    auto same_append = accounts.ask("a", take(1));
    engine.run();
    auto second = accounts.ask("a", take(105));
    engine.run();
    auto query = balance_of(accounts, "a");
    auto refused = accounts.ask("a", take(1000));
    engine.run();
    REQUIRE(journal.held_events() == std::vector<std::size_t>{2, 1, 0});

    journal.fail_one({kind, "as the test says"});
    engine.run();
    // A conflict is nobody's fault among the callers: none of them has named a version.
    const auto expected = kind == errc::version_conflict ? errc::aborted : kind;
    REQUIRE(first.ready());
    CHECK(settled(first).error().code() == expected);
    CHECK(settled(same_append).error().code() == expected);
    CHECK(!second.ready());

    journal.release_all();
    engine.run();
    CHECK(settled(second).error().code() == errc::aborted);
    CHECK(settled(query).error().code() == errc::aborted);
    CHECK(settled(refused).error().code() == errc::aborted);

    journal.stop_holding();
    CHECK(engine.finish(balance_of(accounts, "a")).value() == 10);
    CHECK(engine.finish(accounts.ask("a", take(11))).value().rejection().code
          == "insufficient_funds");
    CHECK(engine.figures().outstanding == 0);
  }
  CHECK(journal.last_position() == 1_pos);
}

TEST_CASE_FIXTURE(failure_fixture,
                  "after an unknown outcome the state is what the journal holds, written or not") {
  bool written = false;
  SUBCASE("it was written") {
    written = true;
  }
  SUBCASE("it was not") {}
  auto unknown = accounts.ask("a", put(90), with_id(7));
  engine.run();
  journal.fail_one({errc::outcome_unknown, "the power went"}, written);
  journal.stop_holding();
  CHECK(engine.finish(std::move(unknown)).error().code() == errc::outcome_unknown);

  // Sent again with the same id, it has its effect once.
  const auto again = engine.finish(accounts.ask("a", put(90), with_id(7))).value();
  CHECK(again.accepted());
  CHECK(again.repeated() == written);
  CHECK(again.version() == 2_ver);
  CHECK(again.position() == 2_pos);
  CHECK(engine.finish(balance_of(accounts, "a")).value() == 100);
}

TEST_CASE_FIXTURE(
    failure_fixture,
    "commands that are not yet decided when an append fails are judged on the rebuilt state") {
  auto doomed = accounts.ask("a", put(100));
  engine.run();
  auto behind = accounts.ask("a", put(1000));
  engine.run();
  journal.fail_one({errc::storage_full, "no room"});
  engine.run();
  auto waiting = accounts.ask("a", take(50)); // the flight behind is still in the air
  auto query = balance_of(accounts, "a");
  engine.run();
  CHECK(!waiting.ready());
  CHECK(!query.ready());
  journal.release_all();
  engine.run();
  CHECK(settled(doomed).error().code() == errc::storage_full);
  CHECK(settled(behind).error().code() == errc::aborted);
  CHECK(settled(waiting).value().rejection().code == "insufficient_funds");
  CHECK(settled(query).value() == 10);
}

TEST_CASE_FIXTURE(failure_fixture,
                  "a command decided between an append's failure and its news is not accepted") {
  auto doomed = accounts.ask("a", put(100));
  engine.run();
  auto decided = accounts.ask("a", take(50)); // its actor runs before the news comes
  auto query = balance_of(accounts, "a");
  journal.fail_one({errc::outcome_unknown, "the power went"});
  engine.run();
  journal.release_all();
  engine.run();
  CHECK(settled(doomed).error().code() == errc::outcome_unknown);
  CHECK(settled(decided).error().code() == errc::aborted);
  CHECK(settled(query).error().code() == errc::aborted);
  CHECK(journal.last_position() == 1_pos);
}

TEST_CASE_FIXTURE(failure_fixture,
                  "an append refused on its way in fails nothing that was before it") {
  auto before = accounts.ask("a", put(1));
  engine.run();
  auto refused = accounts.ask("a", put(2));
  engine.run();
  auto behind = accounts.ask("a", put(4));
  auto query = balance_of(accounts, "a");
  engine.run();
  REQUIRE(journal.held() == 3);
  // The second comes back first.
  journal.fail_second({errc::overloaded, "the journal's queue is full"});
  engine.run();
  CHECK(settled(refused).error().code() == errc::overloaded);
  CHECK(!before.ready());
  auto after = accounts.ask("a", put(8));
  engine.run();
  CHECK(!after.ready());
  journal.stop_holding();
  journal.release_all();
  engine.run();
  CHECK(settled(before).value().version() == 2_ver);
  CHECK(settled(behind).error().code() == errc::aborted);
  CHECK(settled(query).error().code() == errc::aborted);
  CHECK(settled(after).value().version() == 3_ver);
  CHECK(engine.finish(balance_of(accounts, "a")).value() == 19);
}

TEST_CASE_FIXTURE(failure_fixture, "a query behind an append fails when the journal has stopped") {
  auto doomed = accounts.ask("a", put(1));
  engine.run();
  auto query = balance_of(accounts, "a");
  engine.run();
  journal.fails_with.emplace(errc::journal_stopped, "an earlier commit failed");
  journal.release_all();
  engine.run();
  CHECK(settled(doomed).error().code() == errc::journal_stopped);
  CHECK(!settled(query));
  // Reading goes on.
  CHECK(engine.finish(balance_of(accounts, "a")).value() == 10);
  journal.stop_holding();
  CHECK(engine.finish(accounts.ask("a", put(1))).error().code() == errc::journal_stopped);
  journal.fails_with.reset();
}

TEST_CASE_FIXTURE(failure_fixture,
                  "a foreign append aborts the next command, and the one after sees it") {
  journal.stop_holding();
  REQUIRE(append_foreign(journal, "a", withdrawn{.amount = 10}));
  const auto aborted = engine.finish(accounts.ask("a", take(10))).error();
  CHECK(aborted.code() == errc::aborted);
  CHECK(aborted.message().find("another writer") != std::string::npos);
  CHECK(engine.finish(accounts.ask("a", take(10))).value().rejection().code
        == "insufficient_funds");
  CHECK(engine.finish(accounts.ask("a", put(3))).value().version() == 3_ver);
}

TEST_CASE_FIXTURE(
    failure_fixture,
    "a foreign append as long as a lost one does not let in what was decided after it") {
  auto first = accounts.ask("a", put(90));
  engine.run();
  auto second = accounts.ask("a", take(100)); // only the first covers it
  engine.run();
  REQUIRE(append_foreign(journal, "a", withdrawn{.amount = 10}));
  journal.release_all(); // the version that the second expects is there, the state is not
  engine.run();
  CHECK(settled(first).error().code() == errc::aborted);
  CHECK(settled(second).error().code() == errc::aborted);
  CHECK(journal.last_position() == 2_pos);
  journal.stop_holding();
  CHECK(engine.finish(balance_of(accounts, "a")).value() == 0);
}

TEST_CASE_FIXTURE(failure_fixture,
                  "what lands behind an append of unknown outcome is not reported as unwritten") {
  auto unknown = accounts.ask("a", put(90), with_id(1));
  engine.run();
  auto behind = accounts.ask("a", take(100), with_id(2));
  engine.run();
  journal.fail_one({errc::outcome_unknown, "the connection broke"}, true);
  journal.release_all();
  journal.stop_holding();
  engine.run();
  CHECK(settled(unknown).error().code() == errc::outcome_unknown);
  CHECK(settled(behind).error().code() == errc::outcome_unknown);
  CHECK(engine.finish(accounts.ask("a", put(90), with_id(1))).value().repeated());
  CHECK(engine.finish(accounts.ask("a", take(100), with_id(2))).value().repeated());
  CHECK(engine.finish(balance_of(accounts, "a")).value() == 0);
}

TEST_CASE_FIXTURE(failure_fixture,
                  "who sends again from a failure's continuation meets a new state") {
  cairn::future<cairn::reply> again =
      cairn::future<cairn::reply>::settled(cairn::error{errc::aborted, "not sent"});
  accounts.ask("a", put(90), with_id(1)).then([&](cairn::result<cairn::reply>&& outcome) {
    CHECK(outcome.error().code() == errc::outcome_unknown);
    journal.stop_holding();
    again = accounts.ask("a", put(90), with_id(1));
  });
  engine.run();
  journal.fail_one({errc::outcome_unknown, "the power went"});
  engine.run();
  CHECK(settled(again).value().accepted());
  CHECK(engine.finish(balance_of(accounts, "a")).value() == 100);
}

TEST_CASE_FIXTURE(failure_fixture, "the repetition of a command in flight shares its failure") {
  auto doomed = accounts.ask("a", put(1), with_id(1));
  engine.run();
  auto repeated = accounts.ask("a", put(1), with_id(1));
  engine.run();
  journal.fail_one({errc::storage_full, "no room"});
  journal.release_all();
  engine.run();
  CHECK(settled(doomed).error().code() == errc::storage_full);
  CHECK(settled(repeated).error().code() == errc::aborted);
  journal.stop_holding();
  const auto anew = engine.finish(accounts.ask("a", put(1), with_id(1))).value();
  CHECK(anew.accepted());
  CHECK(!anew.repeated());
}

TEST_CASE_FIXTURE(failure_fixture,
                  "an aggregate whose stream another process owns fails what is in flight, and "
                  "leaves memory") {
  auto first = accounts.ask("a", put(100));
  engine.run();
  auto second = accounts.ask("a", put(100));
  engine.run();
  auto query = balance_of(accounts, "a");
  engine.run();
  REQUIRE(journal.held_events() == std::vector<std::size_t>{1, 1, 0});
  journal.fail_one({errc::not_owner, "the shard has moved"});
  engine.run();
  CHECK(settled(first).error().code() == errc::not_owner);
  auto waiting = accounts.ask("a", put(1)); // nothing is decided any more
  engine.run();
  CHECK(!waiting.ready());
  CHECK(engine.figures().resident == 1);
  journal.release_all();
  engine.run();
  CHECK(settled(second).error().code() == errc::not_owner);
  CHECK(settled(query).error().code() == errc::not_owner);
  CHECK(settled(waiting).error().code() == errc::not_owner);
  CHECK(engine.figures().resident == 0);
  CHECK(engine.figures().rehydrations == 1); // it was not rebuilt
  CHECK(engine.figures().outstanding == 0);

  journal.stop_holding();
  CHECK(engine.finish(accounts.ask("a", put(1))).value().version() == 2_ver);
  CHECK(engine.finish(balance_of(accounts, "a")).value() == 11);
  CHECK(engine.figures().rehydrations == 2);
}

TEST_CASE_FIXTURE(failure_fixture,
                  "a query that finds the stream with another owner makes its aggregate leave") {
  auto landing = accounts.ask("a", put(1));
  engine.run();
  auto query = balance_of(accounts, "a");
  engine.run();
  journal.release_one();
  journal.fail_one({errc::not_owner, "the shard has moved"});
  engine.run();
  CHECK(settled(landing).value().version() == 2_ver);
  CHECK(settled(query).error().code() == errc::not_owner);
  CHECK(engine.figures().resident == 0);
}
