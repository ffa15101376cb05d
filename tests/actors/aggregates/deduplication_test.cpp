#include "engine_fixture.hpp"
#include "literals.hpp"

#include <cstdint>
#include <vector>

using namespace test;
using cairn::errc;

namespace {

struct window_fixture : engine_fixture {
  explicit window_fixture(std::size_t window = 128)
    : accounts{engine.host<account>({.deduplication_window = window})} {}

  cairn::reply send(std::uint64_t id, std::uint64_t amount = 1) {
    return engine.finish(accounts.ask("a", put(amount), with_id(id))).value();
  }

  cairn::aggregates<account> accounts;
};

/// The same reply, told to be a repetition.
void check_repeated(const cairn::reply& again, const cairn::reply& first) {
  CHECK(again.accepted());
  CHECK(again.repeated());
  CHECK(!first.repeated());
  CHECK(again.version() == first.version());
  CHECK(again.position() == first.position());
}

std::vector<cairn::position> positions_in_snapshot(const cairn::journal& of, std::string_view id) {
  std::vector<cairn::position> positions;
  CHECK(of.load_snapshot(stream_of(id), [&](const cairn::snapshot_view& kept) {
            for (const auto& entry : kept.record.getRecentCommands())
              positions.push_back(cairn::position::from_bits(entry.getPosition()));
          }).value());
  return positions;
}

} // namespace

TEST_CASE_FIXTURE(window_fixture, "a command sent twice has its effect once and the same reply") {
  REQUIRE(engine.finish(accounts.ask("other", put(1))));
  const auto first = send(1);
  send(2);
  check_repeated(send(1), first);
  CHECK(engine.finish(balance_of(accounts, "a")).value() == 2);
  CHECK(journal.last_position() == 3_pos);
}

TEST_CASE_FIXTURE(window_fixture, "a command repeated while the first is in flight waits for it") {
  journal.hold();
  auto first = accounts.ask("a", put(1), with_id(1));
  auto same_run = accounts.ask("a", put(1), with_id(1));
  engine.run();
  auto later_run = accounts.ask("a", put(1), with_id(1));
  engine.run();
  CHECK(!same_run.ready());
  CHECK(!later_run.ready());
  journal.release_all();
  engine.run();
  const auto reply = settled(first).value();
  check_repeated(settled(same_run).value(), reply);
  check_repeated(settled(later_run).value(), reply);
  CHECK(journal.last_position() == 1_pos);
}

TEST_CASE_FIXTURE(window_fixture, "a repetition is known after passivation") {
  const auto first = send(1);
  const auto second = send(2);
  engine.passivate_idle();
  REQUIRE(engine.figures().resident == 0);
  check_repeated(send(1), first);
  check_repeated(send(2), second);
}

TEST_CASE("a repetition is known after a restart, with a snapshot and without") {
  scripted_journal journal;
  cairn::aggregate_options options;
  SUBCASE("without") {
    options.snapshot_every = 0;
  }
  SUBCASE("with one that covers all") {
    options.snapshot_every = 1;
  }
  SUBCASE("with one that covers some") {
    options.snapshot_every = 2;
  }
  std::vector<cairn::reply> first;
  {
    test_engine engine{journal};
    auto accounts = engine.host<account>(options);
    REQUIRE(engine.finish(accounts.ask("other", put(1))));
    for (std::uint64_t id = 0; id < 5; ++id)
      first.push_back(engine.finish(accounts.ask("a", put(1), with_id(id + 1))).value());
  }
  test_engine engine{journal};
  auto accounts = engine.host<account>(options);
  for (std::uint64_t id = 0; id < 5; ++id)
    check_repeated(engine.finish(accounts.ask("a", put(1), with_id(id + 1))).value(), first[id]);
  CHECK(journal.last_position() == 6_pos);
}

TEST_CASE("a command that was in flight when the snapshot was taken is known, with its position") {
  scripted_journal journal;
  const cairn::aggregate_options options{.snapshot_every = 3};
  std::vector<cairn::reply> first;
  {
    test_engine engine{journal};
    auto accounts = engine.host<account>(options);
    REQUIRE(engine.finish(accounts.ask("other", put(1))));
    journal.hold();
    std::vector<cairn::future<cairn::reply>> sent;
    for (std::uint64_t id = 0; id < 3; ++id) {
      sent.push_back(accounts.ask("a", put(1), with_id(id + 1)));
      engine.run();
    }
    journal.release_all();
    engine.run();
    for (auto& call : sent)
      first.push_back(settled(call).value());
    journal.stop_holding();
  }
  REQUIRE(journal.snapshots.size() == 1);
  CHECK(positions_in_snapshot(journal, "a") == std::vector<cairn::position>{2_pos, 3_pos, 4_pos});
  test_engine engine{journal};
  auto accounts = engine.host<account>(options);
  for (std::uint64_t id = 0; id < 3; ++id)
    check_repeated(engine.finish(accounts.ask("a", put(1), with_id(id + 1))).value(), first[id]);
}

TEST_CASE("the window remembers as many commands as it says, and not one more") {
  bool passivated = false;
  SUBCASE("in memory") {}
  SUBCASE("rebuilt from the events") {
    passivated = true;
  }
  window_fixture a{3};
  for (std::uint64_t id = 1; id <= 4; ++id)
    a.send(id);
  if (passivated)
    a.engine.passivate_idle();
  CHECK(a.send(2).repeated()); // the oldest of three
  CHECK(a.send(4).repeated());
  CHECK(a.journal.last_position() == 4_pos);
  CHECK(!a.send(1).repeated()); // the fourth newest: judged anew
  CHECK(a.journal.last_position() == 5_pos);
}

TEST_CASE("a window of none switches deduplication off") {
  window_fixture a{0};
  CHECK(!a.send(1).repeated());
  CHECK(!a.send(1).repeated());
  a.engine.passivate_idle();
  CHECK(!a.send(1).repeated());
  CHECK(a.journal.last_position() == 3_pos);
}

TEST_CASE("a smaller window than the snapshot's keeps the newest") {
  scripted_journal journal;
  {
    test_engine engine{journal};
    auto accounts = engine.host<account>({.snapshot_every = 4});
    for (std::uint64_t id = 1; id <= 4; ++id)
      REQUIRE(engine.finish(accounts.ask("a", put(1), with_id(id))));
  }
  REQUIRE(journal.snapshots.size() == 1);
  test_engine engine{journal};
  auto accounts = engine.host<account>({.deduplication_window = 2, .snapshot_every = 4});
  CHECK(engine.finish(accounts.ask("a", put(1), with_id(4))).value().repeated());
  CHECK(engine.finish(accounts.ask("a", put(1), with_id(3))).value().repeated());
  CHECK(!engine.finish(accounts.ask("a", put(1), with_id(2))).value().repeated());
}

TEST_CASE_FIXTURE(window_fixture, "what had no effect is judged anew when it is repeated") {
  CHECK(!engine.finish(accounts.ask("a", take(1), with_id(1))).value().accepted());
  send(2);
  const auto now_covered = engine.finish(accounts.ask("a", take(1), with_id(1))).value();
  CHECK(now_covered.accepted());
  CHECK(!now_covered.repeated());

  CHECK(engine.finish(accounts.ask("a", touch{}, with_id(3))).value().accepted());
  const auto touched = engine.finish(accounts.ask("a", touch{}, with_id(3))).value();
  CHECK(touched.accepted());
  CHECK(!touched.repeated());

  CHECK(engine.finish(accounts.ask("a", fail{}, with_id(4))).error().code() == errc::decide_failed);
  CHECK(engine.finish(accounts.ask("a", fail{}, with_id(4))).error().code() == errc::decide_failed);
}

TEST_CASE("a command with several events is one entry, and its reply names the last of them") {
  window_fixture a{2};
  a.send(1, 100);
  const auto moved =
      a.engine.finish(a.accounts.ask("a", transfer{.amount = 1, .fee = 1}, with_id(2))).value();
  CHECK(moved.version() == 3_ver);
  bool passivated = false;
  SUBCASE("in memory") {}
  SUBCASE("rebuilt from the events") {
    passivated = true;
  }
  if (passivated)
    a.engine.passivate_idle();
  check_repeated(
      a.engine.finish(a.accounts.ask("a", transfer{.amount = 1, .fee = 1}, with_id(2))).value(),
      moved);
  CHECK(a.send(1, 100).repeated()); // not pushed out by the two events
}

TEST_CASE_FIXTURE(window_fixture,
                  "a repetition is recognised before its expected version is looked at") {
  auto options = with_id(1);
  options.expected = cairn::expected_version::none();
  const auto first = engine.finish(accounts.ask("a", put(1), options)).value();
  send(2);
  check_repeated(engine.finish(accounts.ask("a", put(1), options)).value(), first);
}

TEST_CASE_FIXTURE(window_fixture, "the same id on another aggregate is another command") {
  CHECK(!send(1).repeated());
  CHECK(!engine.finish(accounts.ask("b", put(1), with_id(1))).value().repeated());
}

TEST_CASE_FIXTURE(window_fixture, "commands without an id are never taken for each other") {
  CHECK(!engine.finish(accounts.ask("a", put(1))).value().repeated());
  CHECK(!engine.finish(accounts.ask("a", put(1))).value().repeated());
  CHECK(journal.last_position() == 2_pos);
}

TEST_CASE_FIXTURE(window_fixture, "a command that a foreign writer had recorded is a repetition") {
  REQUIRE(append_foreign(journal, "a", deposited{.amount = 1, .note = {}}, {1, 9}));
  const auto again = send(9);
  CHECK(again.repeated());
  CHECK(again.version() == 1_ver);
}

TEST_CASE_FIXTURE(window_fixture, "a repetition is answered without reading the journal") {
  const auto first = send(1);
  REQUIRE(engine.finish(accounts.ask("other", put(1))));
  const auto second = send(2);
  journal.replay_fails_with = cairn::error{errc::io_failed, "no luck today"};
  check_repeated(send(1), first);
  check_repeated(send(2), second);
}

TEST_CASE("a repetition behind appends in flight has the position of its command") {
  constexpr std::uint64_t commands = 12;
  window_fixture a{3};
  a.journal.hold();
  std::vector<cairn::future<cairn::reply>> sent, repeated;
  std::vector<cairn::future<cairn::reply>> others; // so that positions have gaps
  for (std::uint64_t id = 1; id <= commands; ++id) {
    sent.push_back(a.accounts.ask("a", put(1), with_id(id)));
    sent.push_back(a.accounts.ask("a", put(1))); // without an id, it is not remembered
    a.engine.run();
    others.push_back(a.accounts.ask("other" + std::to_string(id), put(1)));
    a.engine.run();
    if (id < 3)
      continue;
    for (const auto oldest : {id - 2, id - 1, id}) {
      repeated.push_back(a.accounts.ask("a", put(1), with_id(oldest)));
      a.engine.run();
    }
    if (id % 4 == 0) { // nearly all that is in flight lands
      while (a.journal.held() > 4)
        a.journal.release_one();
      a.engine.run();
    }
  }
  a.journal.release_all();
  a.engine.run();
  std::vector<cairn::reply> first;
  for (auto& call : sent)
    first.push_back(settled(call).value());
  std::size_t next = 0;
  for (std::uint64_t id = 3; id <= commands; ++id)
    for (const auto known : {id - 2, id - 1, id})
      check_repeated(settled(repeated[next++]).value(), first[2 * (known - 1)]);
  CHECK(a.journal.replays == 1 + commands); // each aggregate was loaded, nothing else
}

TEST_CASE(
    "an earlier version's snapshot, without positions of what was in flight, is made up for") {
  scripted_journal journal;
  std::vector<cairn::reply> first;
  const cairn::aggregate_options options{.snapshot_every = 0};
  {
    test_engine engine{journal};
    auto accounts = engine.host<account>(options);
    REQUIRE(engine.finish(accounts.ask("other", put(1))));
    for (std::uint64_t id = 1; id <= 3; ++id)
      first.push_back(engine.finish(accounts.ask("a", put(1), with_id(id))).value());
  }
  const std::vector<cairn::recent_command> recent{
      {{1, 1}, 1_ver, {}}, {{1, 2}, 2_ver, {}}, {{1, 3}, 3_ver, {}}};
  const cairn::detail::typed_model<account> model{options};
  journal.beneath().submit_snapshot(
      cairn::snapshot_draft::encode(stream_of("a"), {3_ver, 4_pos}, model.fingerprint, recent,
                                    [&](capnp::AnyPointer::Builder into) {
                                      cairn::detail::typed_state<account> state;
                                      state.value.balance = 3;
                                      state.write_snapshot(into);
                                    }));
  journal.replays = 0;
  bool readable = true;
  SUBCASE("from the journal") {}
  SUBCASE("if the journal can be read; if not, only the repetition fails") {
    readable = false;
    journal.on_replay = [&](const cairn::stream_id&) {
      journal.replay_fails_with.reset();
      if (journal.replays == 1)
        journal.replay_fails_with = cairn::error{errc::io_failed, "no luck today"};
    };
  }
  test_engine engine{journal};
  auto accounts = engine.host<account>(options);
  CHECK(engine.finish(balance_of(accounts, "a")).value() == 3);
  for (std::uint64_t id = 1; id <= 3; ++id) {
    const auto again = engine.finish(accounts.ask("a", put(1), with_id(id)));
    if (readable || id == 3) {
      check_repeated(again.value(), first[id - 1]);
    } else {
      REQUIRE(!again);
      CHECK(again.error().code() == errc::corrupt_journal);
      CHECK(again.error().version() == cairn::version{id});
    }
  }
  CHECK(journal.replays == 2);
}
