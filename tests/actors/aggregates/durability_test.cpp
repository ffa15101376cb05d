#include "aggregates/commit_listener.hpp"
#include "engine_fixture.hpp"
#include "literals.hpp"

#include <cstdint>
#include <string>
#include <vector>

using namespace test;
using cairn::errc;

TEST_CASE_FIXTURE(engine_fixture, "an aggregate is activated by its first message and only once") {
  auto accounts = engine.host<account>();
  CHECK(engine.figures().resident == 0);
  std::vector<cairn::future<cairn::reply>> replies;
  for (int i = 0; i < 10; ++i)
    replies.push_back(accounts.ask("a", put(1)));
  CHECK(engine.figures().resident == 1);
  engine.run();
  replies.push_back(accounts.ask("a", put(1)));
  CHECK(engine.finish(balance_of(accounts, "b")).value() == 0);
  CHECK(engine.figures().resident == 2);
  CHECK(engine.figures().rehydrations == 2);
  for (std::size_t i = 0; i < replies.size(); ++i)
    CHECK(settled(replies[i]).value().version() == cairn::version{i + 1});
}

TEST_CASE_FIXTURE(engine_fixture, "commands of one caller to one aggregate take effect in order") {
  auto accounts = engine.host<account>();
  auto opened = accounts.ask("a", put(10));
  auto emptied = accounts.ask("a", take(10));
  auto refused = accounts.ask("a", take(1));
  auto closed = accounts.ask("a", test::close{});
  auto late = accounts.ask("a", put(1));
  engine.run();
  CHECK(settled(opened).value().version() == 1_ver);
  CHECK(settled(emptied).value().version() == 2_ver);
  CHECK(settled(refused).value().rejection().code == "insufficient_funds");
  CHECK(settled(closed).value().version() == 3_ver);
  CHECK(settled(late).value().rejection().code == "closed");
}

TEST_CASE_FIXTURE(engine_fixture, "a delete followed at once by a modify refuses the modify") {
  auto accounts = engine.host<account>();
  journal.hold();
  auto deleted = accounts.ask("a", test::close{});
  engine.run(); // the deletion is on its way to the disk
  auto modified = accounts.ask("a", put(1));
  engine.run();
  CHECK(!modified.ready());
  journal.release_all();
  CHECK(engine.finish(std::move(deleted)).value().accepted());
  CHECK(engine.finish(std::move(modified)).value().rejection().code == "closed");
  CHECK(journal.last_position() == 1_pos);
}

namespace {

/// Writes down in which order answers leave.
struct order {
  std::vector<std::string> left;

  template <class T>
  void watch(cairn::future<T> call, std::string name) {
    std::move(call).then([this, name = std::move(name)](cairn::result<T>&& outcome) {
      left.push_back(outcome ? name : name + "!");
    });
  }
};

} // namespace

TEST_CASE_FIXTURE(engine_fixture, "no answer leaves before the events it depends on are durable") {
  auto accounts = engine.host<account>();
  order seen;
  journal.hold();
  // Each in a run of its own or all in one: as appends and barriers, or as one append.
  bool apart = false;
  SUBCASE("each in a run of its own") {
    apart = true;
  }
  SUBCASE("all in one run") {}
  const auto next = [&] {
    if (apart)
      engine.run();
  };
  seen.watch(accounts.ask("a", put(5), with_id(1)), "reply");
  next();
  seen.watch(balance_of(accounts, "a"), "query");
  next();
  seen.watch(accounts.ask("a", take(100)), "rejection");
  next();
  seen.watch(accounts.ask("a", put(1), expecting(cairn::expected_version::none())), "conflict");
  next();
  seen.watch(accounts.ask("a", put(5), with_id(1)), "repeated");
  next();
  seen.watch(accounts.ask("a", touch{}), "nothing to do");
  next();
  seen.watch(accounts.ask("a", fail{}), "exception");
  engine.run();
  CHECK(journal.held_events().front() == 1);
  CHECK(journal.held() == (apart ? 7 : 1));
  CHECK(seen.left.empty());
  CHECK(engine.figures().outstanding == 7);

  journal.release_one();
  engine.run();
  if (apart)
    CHECK(seen.left == std::vector<std::string>{"reply"});
  journal.release_all();
  engine.run();
  CHECK(seen.left
        == std::vector<std::string>{"reply", "query", "rejection", "conflict!", "repeated",
                                    "nothing to do", "exception!"});
  CHECK(engine.figures().outstanding == 0);
  CHECK(journal.last_position() == 1_pos);
}

TEST_CASE_FIXTURE(engine_fixture, "an answer that depends on nothing in flight is given at once") {
  auto accounts = engine.host<account>();
  REQUIRE(engine.finish(accounts.ask("a", put(5))));
  journal.hold();
  CHECK(engine.finish(balance_of(accounts, "a")).value() == 5);
  CHECK(engine.finish(accounts.ask("a", take(6))).value().rejection().code == "insufficient_funds");
  CHECK(engine.finish(accounts.ask("a", put(1), expecting(cairn::expected_version::none())))
            .error()
            .code()
        == errc::version_conflict);
  CHECK(journal.held() == 0);
}

TEST_CASE_FIXTURE(engine_fixture, "aggregates do not wait for each other's appends") {
  auto accounts = engine.host<account>();
  REQUIRE(engine.finish(accounts.ask("b", put(7))));
  journal.hold();
  auto held = accounts.ask("a", put(5));
  CHECK(engine.finish(balance_of(accounts, "b")).value() == 7);
  CHECK(!held.ready());
  journal.release_all();
  CHECK(engine.finish(std::move(held)));
}

TEST_CASE_FIXTURE(
    engine_fixture,
    "commands sent while an append is under way share few appends, versions without a gap") {
  auto accounts = engine.host<account>();
  journal.hold();
  std::vector<cairn::future<cairn::reply>> replies;
  replies.push_back(accounts.ask("a", put(1)));
  engine.run();
  for (int i = 0; i < 1000; ++i)
    replies.push_back(accounts.ask("a", put(1)));
  engine.run();
  CHECK(journal.held() <= 3);
  journal.release_all();
  engine.run();
  for (std::size_t i = 0; i < replies.size(); ++i) {
    const auto reply = settled(replies[i]).value();
    CHECK(reply.version() == cairn::version{i + 1});
    CHECK(reply.position() == cairn::position{i + 1});
    CHECK(reply.events() == 1);
  }
  cairn::version version{};
  CHECK(accounts.history("a", [&](const cairn::event_info& info, const account::event&) {
    CHECK(info.version == ++version);
  }));
  CHECK(version == 1001_ver);
}

TEST_CASE_FIXTURE(engine_fixture,
                  "a rejection names the version and position it was judged at, in flight or not") {
  auto accounts = engine.host<account>();
  REQUIRE(engine.finish(accounts.ask("other", put(1)))); // so that positions are not versions
  REQUIRE(engine.finish(accounts.ask("a", put(1))));
  auto refused = engine.finish(accounts.ask("a", take(10))).value();
  CHECK(refused.version() == 1_ver);
  CHECK(refused.position() == 2_pos);
  journal.hold();
  auto sent = accounts.ask("a", put(1));
  auto same_run = accounts.ask("a", take(10));
  engine.run();
  auto later = accounts.ask("a", take(10));
  engine.run();
  journal.release_all();
  REQUIRE(engine.finish(std::move(sent)));
  CHECK(settled(same_run).value().position() == 3_pos);
  const auto last = settled(later).value();
  CHECK(last.version() == 2_ver);
  CHECK(last.position() == 3_pos);
}

namespace {

/// Writes down what a projection before the reply is told.
struct recorder final : cairn::detail::commit_listener {
  explicit recorder(test_engine& of) : engine{of} { engine.tell(this); }
  ~recorder() override { engine.tell(nullptr); }
  void before_replies(
      cairn::position position,
      std::span<const std::unique_ptr<cairn::append_operation>> /*appends*/) noexcept override {
    positions.push_back(position);
  }

  test_engine& engine;
  std::vector<cairn::position> positions;
};

} // namespace

TEST_CASE_FIXTURE(engine_fixture, "events are told of before the reply, once they may be durable") {
  auto accounts = engine.host<account>();
  recorder told{engine};
  journal.hold();
  const auto positions_at_reply = [&](bool fails) {
    std::vector<cairn::position> at_reply;
    accounts.ask("a", put(1)).then([&](cairn::result<cairn::reply>&& outcome) {
      CHECK(outcome.has_value() == !fails);
      at_reply = told.positions;
    });
    engine.run();
    // Written all the same: a repetition is answered from the event without another commit.
    if (fails)
      journal.fail_one({errc::outcome_unknown, "the power went"}, true);
    else
      journal.release_one();
    engine.run();
    return at_reply;
  };
  CHECK(positions_at_reply(false) == std::vector<cairn::position>{1_pos});
  CHECK(positions_at_reply(true) == std::vector<cairn::position>{1_pos, 2_pos});
}

TEST_CASE_FIXTURE(engine_fixture, "a command with several events is one atomic append") {
  auto accounts = engine.host<account>();
  REQUIRE(engine.finish(accounts.ask("a", put(100))));
  journal.hold();
  auto moved = accounts.ask("a", transfer{.amount = 10, .fee = 1});
  engine.run();
  CHECK(journal.held_events() == std::vector<std::size_t>{2});
  journal.release_all();
  const auto reply = engine.finish(std::move(moved)).value();
  CHECK(reply.version() == 3_ver);
  CHECK(reply.position() == 3_pos);
  CHECK(reply.events() == 2);
  CHECK(engine.finish(balance_of(accounts, "a")).value() == 89);
}

TEST_CASE_FIXTURE(engine_fixture, "the ids that came with a command are recorded with its events") {
  auto accounts = engine.host<account>();
  cairn::ask_options options;
  options.command_id = {1, 2};
  options.correlation_id = {3, 4};
  options.causation_id = {5, 6};
  REQUIRE(engine.finish(accounts.ask("a", put(9), options)));
  cairn::event_info seen;
  REQUIRE(accounts.history("a", [&](const cairn::event_info& info, const account::event& event) {
    seen = info;
    CHECK(std::get<deposited>(event).amount == 9);
  }));
  CHECK(seen.command_id == options.command_id);
  CHECK(seen.correlation_id == options.correlation_id);
  CHECK(seen.causation_id == options.causation_id);
  CHECK(seen.recorded_at.time_since_epoch().count() > 0);
}
