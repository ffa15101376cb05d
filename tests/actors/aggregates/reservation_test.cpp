// What is reserved is unique across aggregates; who comes second is rejected, and nobody else pays.

#include "engine_fixture.hpp"
#include "literals.hpp"
#include "member.hpp"

#include <cairn/memory_journal.hpp>
#include <cairn/testing.hpp>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

using namespace test;
using cairn::errc;

namespace {

join to(std::string address) {
  return {.address = std::move(address), .town = "Ulm"};
}

struct member_fixture : engine_fixture {
  cairn::aggregates<member> members = engine.host<member>();

  std::string holder(std::string_view key) {
    const auto found = journal.holder_of(key).value();
    return found ? std::string{found->id()} : "";
  }

  void let_all_through() {
    journal.stop_holding();
    journal.release_all();
    engine.run();
  }
};

void check_rejected(const cairn::result<cairn::reply>& outcome, std::string_view key,
                    std::string_view holder, cairn::version version) {
  REQUIRE(outcome);
  REQUIRE(!outcome->accepted());
  CHECK(outcome->rejection().code == cairn::key_held_code);
  CHECK(outcome->rejection().key == key);
  CHECK(outcome->rejection().message
        == "the key " + std::string{key} + " is held by member/" + std::string{holder});
  CHECK(outcome->version() == version);
}

} // namespace

TEST_CASE_FIXTURE(member_fixture, "who wants a key that another holds is rejected by its name") {
  CHECK(engine.finish(members.ask("a", to("x"))).value().accepted());
  check_rejected(engine.finish(members.ask("b", to("x"))), "x", "a", 0_ver);
  CHECK(journal.last_position() == 1_pos);
  CHECK(engine.finish(members.ask("b", to("y"))).value().version() == 1_ver);
  check_rejected(engine.finish(members.ask("b", move{.address = "x"})), "x", "a", 1_ver);
  CHECK(holder("x") == "a");
  CHECK(holder("y") == "b");
  CHECK(engine.figures().outstanding == 0);
}

TEST_CASE_FIXTURE(member_fixture, "a key that its holder gave up can be had by another") {
  CHECK(engine.finish(members.ask("a", to("x"))).value().accepted());
  CHECK(engine.finish(members.ask("a", move{.address = "y"})).value().accepted());
  CHECK(engine.finish(members.ask("a", move{.address = "y"})).value().accepted()); // its own
  CHECK(engine.finish(members.ask("b", to("x"))).value().accepted());
  CHECK(engine.finish(members.ask("a", leave{})).value().accepted());
  CHECK(holder("x") == "b");
  CHECK(holder("y").empty());
}

TEST_CASE_FIXTURE(member_fixture,
                  "commands behind a refused one are executed again, in their order") {
  CHECK(engine.finish(members.ask("a", to("x"))).value().accepted());
  for (const bool one_append : {true, false}) {
    CAPTURE(one_append);
    const std::string id = one_append ? "b" : "c";
    const auto pause = [&] {
      if (!one_append)
        engine.run();
    };
    journal.hold();
    auto before = members.ask(id, greet{.times = 2});
    pause();
    auto refused = members.ask(id, to("x"));
    pause();
    auto address = members.query(id, [](const member_state& now) { return now.address; });
    pause();
    auto after = members.ask(id, greet{});
    pause();
    auto strict = members.ask(id, greet{}, expecting(cairn::expected_version::exact(3_ver)));
    pause();
    auto unexpected = members.ask(id, greet{}, expecting(cairn::expected_version::exact(5_ver)));
    engine.run();
    CHECK(!refused.ready());
    let_all_through();
    CHECK(settled(before).value().version() == 2_ver);
    check_rejected(settled(refused), "x", "a", 2_ver);
    CHECK(settled(address).value().empty());
    CHECK(settled(after).value().version() == 3_ver);
    CHECK(settled(strict).value().version() == 4_ver);
    CHECK(settled(unexpected).error().code() == errc::version_conflict);
    CHECK(engine.finish(members.query(id, [](const member_state& now) { return now.greetings; }))
              .value()
          == 4);
  }
  CHECK(engine.figures().outstanding == 0);
}

TEST_CASE_FIXTURE(member_fixture, "what comes while others are given back waits behind them") {
  CHECK(engine.finish(members.ask("a", to("x"))).value().accepted());
  journal.hold();
  auto refused = members.ask("b", to("x"));
  engine.run();
  auto behind = members.ask("b", greet{});
  engine.run();
  journal.release_one(); // the refused one; the other is still in flight
  engine.run();
  auto later = members.ask("b", greet{});
  engine.run();
  let_all_through();
  check_rejected(settled(refused), "x", "a", 0_ver);
  CHECK(settled(behind).value().version() == 1_ver);
  CHECK(settled(later).value().version() == 2_ver);
}

TEST_CASE_FIXTURE(member_fixture, "of several refused commands in flight each is rejected once") {
  CHECK(engine.finish(members.ask("a", to("x"))).value().accepted());
  CHECK(engine.finish(members.ask("a2", to("y"))).value().accepted());
  journal.hold();
  auto first = members.ask("b", to("x"));
  auto greeted = members.ask("b", greet{});
  auto second = members.ask("b", to("y"));
  engine.run();
  auto third = members.ask("b", to("z"));
  engine.run();
  let_all_through();
  check_rejected(settled(first), "x", "a", 0_ver);
  CHECK(settled(greeted).value().version() == 1_ver);
  check_rejected(settled(second), "y", "a2", 1_ver);
  CHECK(settled(third).value().version() == 2_ver);
}

TEST_CASE_FIXTURE(member_fixture, "a repetition of a refused command is judged anew") {
  CHECK(engine.finish(members.ask("a", to("x"))).value().accepted());
  auto first = members.ask("b", to("x"), with_id(1));
  auto repeated = members.ask("b", to("x"), with_id(1));
  engine.run();
  check_rejected(settled(first), "x", "a", 0_ver);
  check_rejected(settled(repeated), "x", "a", 0_ver);
  CHECK(engine.finish(members.ask("a", leave{})).value().accepted());
  CHECK(engine.finish(members.ask("b", to("x"), with_id(1))).value().accepted());
}

TEST_CASE_FIXTURE(member_fixture,
                  "a refused command that is past its deadline is not tried again") {
  CHECK(engine.finish(members.ask("a", to("x"))).value().accepted());
  journal.hold();
  auto refused = members.ask("b", to("x"));
  cairn::ask_options soon;
  soon.deadline = engine.now() + 1s;
  auto behind = members.ask("b", greet{}, soon);
  engine.run();
  engine.pass_time_only(2s);
  let_all_through();
  check_rejected(settled(refused), "x", "a", 0_ver);
  CHECK(settled(behind).error().code() == errc::deadline_exceeded);
}

TEST_CASE_FIXTURE(member_fixture,
                  "passivation asked for while a command is refused loses nothing") {
  CHECK(engine.finish(members.ask("a", to("x"))).value().accepted());
  journal.hold();
  auto refused = members.ask("b", to("x"));
  auto behind = members.ask("b", greet{});
  engine.run();
  engine.pass_time_only(1h);
  let_all_through();
  check_rejected(settled(refused), "x", "a", 0_ver);
  CHECK(settled(behind).value().version() == 1_ver);
  engine.passivate_idle();
  CHECK(engine.figures().resident == 0);
}

TEST_CASE_FIXTURE(member_fixture,
                  "a journal that fails behind a refused command fails what follows") {
  CHECK(engine.finish(members.ask("a", to("x"))).value().accepted());
  journal.hold();
  auto refused = members.ask("b", to("x"));
  engine.run();
  auto behind = members.ask("b", greet{});
  engine.run();
  journal.release_one();
  journal.fail_one({errc::io_failed, "the disk is gone"});
  journal.stop_holding();
  engine.run();
  check_rejected(settled(refused), "x", "a", 0_ver);
  CHECK(settled(behind).error().code() == errc::io_failed);
  CHECK(engine.finish(members.ask("b", greet{})).value().version() == 1_ver);
}

TEST_CASE_FIXTURE(member_fixture, "reservations against the rules fail their command alone") {
  using how = misbehave_how;
  auto nothing = members.ask("a", misbehave{.how = how::reserve_for_nothing});
  auto nonsense = members.ask("a", misbehave{.how = how::reserve_nonsense});
  auto fine = members.ask("a", greet{});
  engine.run();
  CHECK(settled(nothing).error().code() == errc::decide_failed);
  CHECK(settled(nonsense).error().code() == errc::invalid_argument);
  CHECK(settled(fine).value().version() == 1_ver);
}

TEST_CASE(
    "many aggregates that race for few keys: each key has one holder, and every call an answer") {
  constexpr int keys = 20, clients = 3, rounds = 40;
  std::atomic<int> got{0}, rejected{0}, greeted{0};
  {
    const auto memory = cairn::make_memory_journal();
    threaded_engine engine{*memory};
    const auto members = engine.host<member>();
    std::vector<std::thread> threads;
    for (int c = 0; c < clients; ++c)
      threads.emplace_back([&, c] {
        std::vector<cairn::future<cairn::reply>> joins, greets;
        for (int i = 0; i < rounds; ++i) {
          const auto id = std::to_string((i + c) % 7);
          joins.push_back(members.ask(id, to("key " + std::to_string(i % keys))));
          greets.push_back(members.ask(id, greet{}));
        }
        for (auto& call : joins)
          ++(call.get().value().accepted() ? got : rejected);
        for (auto& call : greets)
          greeted += call.get().value().accepted() ? 1 : 0;
      });
    for (auto& thread : threads)
      thread.join();
    CHECK(got + rejected == clients * rounds);
    CHECK(greeted == clients * rounds);
    CHECK(rejected > 0);
    int greetings = 0;
    for (int m = 0; m < 7; ++m)
      greetings += static_cast<int>(
          members.query(std::to_string(m), [](const member_state& now) { return now.greetings; })
              .get()
              .value());
    CHECK(greetings == greeted);
    for (int k = 0; k < keys; ++k)
      CHECK(memory->holder_of("key " + std::to_string(k)).value().has_value());
  }
}

TEST_CASE_FIXTURE(member_fixture, "events carry the tags that their aggregate gives them") {
  CHECK(engine.finish(members.ask("a", to("x"))).value().accepted());
  CHECK(engine.finish(members.ask("a", greet{})).value().accepted());
  CHECK(engine.finish(members.ask("a", move{.address = "y"})).value().accepted());
  const auto tagged = [&](std::string_view tag) {
    std::vector<cairn::position> positions;
    CHECK(journal.replay_tag(tag, 1_pos, [&](const cairn::event_view& event) {
      positions.push_back(event.position());
      return cairn::visit_result::proceed;
    }));
    return positions;
  };
  CHECK(tagged("Ulm") == std::vector<cairn::position>{1_pos, 3_pos});
  CHECK(tagged("move") == std::vector<cairn::position>{3_pos});
  const auto nonsense =
      engine.finish(members.ask("a", misbehave{.how = misbehave_how::tag_nonsense}));
  CHECK(nonsense.error().code() == errc::invalid_argument);
  CHECK(engine.finish(members.ask("a", greet{})).value().version() == 4_ver);
}

TEST_CASE("a scenario shows the tags and reservations of a decision") {
  using cairn::testing::scenario;
  using cairn::testing::scenario_failure;
  const auto ada = scenario<member>{}.given(joined{.address = "x", .town = "Ulm"});
  const auto moves = ada.when(move{.address = "y"});
  moves.then(moved{.from = "x", .to = "y"})
      .then_tagged({{"Ulm", "move"}})
      .then_reserves({"y"})
      .then_releases({"x"});
  CHECK_THROWS_AS(moves.then_reserves({"x"}), scenario_failure);
  CHECK_THROWS_AS(moves.then_releases({}), scenario_failure);
  CHECK_THROWS_AS(moves.then_tagged({{"Ulm"}}), scenario_failure);
  ada.when(greet{.times = 2}).then_tagged({{}, {}}).then_reserves({}).then_releases({});
}
