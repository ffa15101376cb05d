// The tables of a projection: those that serve, those that are built, and how they change places;
// turn by turn.

#include "literals.hpp"
#include "projection_fixture.hpp"

using namespace test;
using cairn::errc;
using cairn::projection_mode;
using cairn::projection_state;

namespace {

constexpr projection_mode both_modes[]{projection_mode::async, projection_mode::before_reply};

cairn::projection_options async() {
  return stepped_projections::options(projection_mode::async);
}

/// Takes turns until the tables being built have stopped.
template <class Projection>
void run_until_build_stopped(stepped_projections& at, const Projection& of) {
  for (int turns = 0; turns < 100; ++turns) {
    const auto status = of.status();
    REQUIRE(status.build);
    if (status.build->state == projection_state::stopped)
      return;
    at.turn();
  }
  FAIL("the build has not stopped");
}

} // namespace

TEST_CASE("built tables take their place although an event comes at the end of every batch") {
  for (const auto mode : both_modes) {
    sheet_log log;
    stepped_projections at{log};
    const auto sheet = at.project(stepped_projections::options(mode));
    log.put_some(20);
    at.run();
    REQUIRE(sheet.position() == 20_pos);
    REQUIRE(sheet.rebuild());
    sheet_handlers::on_event = [&](const cairn::event_info& applied) {
      if (applied.position == log.events->last_position())
        log.put("b");
    };
    int turns = 0;
    while (sheet.status().build && turns < 20) {
      CHECK(sheet.status().build->head >= sheet.status().build->position);
      at.turn();
      ++turns;
    }
    CHECK(turns <= 4); // three batches of 7 to the end as it was, and one for what has come since
    sheet_handlers::on_event = {};
    at.run();
    CHECK(sheet.position() == log.events->last_position());
    CHECK(all_movements_in(sheet) == log.events->last_position().number());
  }
}

TEST_CASE("tables that are built serve only once they have caught up with those that serve") {
  sheet_log log;
  stepped_projections at{log};
  const auto sheet = at.project(async());
  log.put_some(10);
  at.run();
  REQUIRE(sheet.rebuild());
  CHECK(sheet.rebuild().error().code() == errc::invalid_argument);
  at.turn();
  const auto status = sheet.status();
  REQUIRE(status.build);
  CHECK(status.build->position == 7_pos);
  CHECK(status.build->head == 10_pos);
  CHECK(sheet.position() == 10_pos);
  CHECK(all_movements_in(sheet) == 10);
  log.put();
  at.turn(); // those that serve take it in; those that are built reach the end, and take over
  CHECK_FALSE(sheet.status().build);
  CHECK(sheet.position() == 11_pos);
  CHECK(all_movements_in(sheet) == 11);
}

TEST_CASE("a projection that follows again has the rows of replies that left in the meantime") {
  sheet_log log;
  stepped_projections at{log};
  const auto sheet = at.project(stepped_projections::options(projection_mode::before_reply));
  sheet.pause();
  at.put_and_reply();
  CHECK(sheet.position() == 0_pos);
  sheet_handlers::on_event = [&](const cairn::event_info& applied) {
    if (applied.position == 1_pos) // the reply leaves while the projection still catches up
      at.put_and_reply("b");
  };
  sheet.resume();
  CHECK(sheet.status().state == projection_state::catching_up);
  at.turn();
  CHECK(sheet.status().state == projection_state::following);
  CHECK(sheet.position() == 2_pos);
  CHECK(at.put_and_reply() == 3_pos);
  CHECK(sheet.position() == 3_pos); // before the reply
}

TEST_CASE("a paused projection stays paused when it is rebuilt, and goes on when it is resumed") {
  for (const auto mode : both_modes) {
    sheet_log log;
    stepped_projections at{log};
    const auto sheet = at.project(stepped_projections::options(mode));
    log.put_some(10);
    at.run();
    sheet.pause();
    REQUIRE(sheet.rebuild());
    for (int i = 0; i < 10; ++i)
      at.put_and_reply();
    at.run();
    REQUIRE(sheet.status().build);
    CHECK(sheet.status().build->state == projection_state::paused);
    CHECK(sheet.status().build->position == 0_pos);
    CHECK(sheet.status().state == projection_state::paused);
    CHECK(sheet.position() == 10_pos);
    sheet.resume();
    at.run();
    CHECK_FALSE(sheet.status().build);
    CHECK(sheet.position() == 20_pos);
    CHECK(all_movements_in(sheet) == 20);
    at.put_and_reply();
    CHECK(sheet.position() == (mode == projection_mode::before_reply ? 21_pos : 20_pos));
  }
}

TEST_CASE("a pause while tables are built goes over to those that take their place") {
  sheet_log log;
  stepped_projections at{log};
  const auto sheet = at.project(async());
  log.put_some(10);
  at.run();
  REQUIRE(sheet.rebuild());
  at.turn();
  sheet.pause();
  log.put();
  at.run();
  CHECK(sheet.position() == 10_pos);
  CHECK(sheet.status().build->position == 7_pos);
  sheet.resume();
  at.run();
  CHECK_FALSE(sheet.status().build);
  CHECK(sheet.position() == 11_pos);
}

TEST_CASE("a raised version is built beside the old tables, which are removed behind the change") {
  for (const auto mode : both_modes) {
    const temporary_directory place;
    const auto home = place / "projections";
    sheet_log log;
    log.put_some(20);
    {
      stepped_projections first{log, home};
      const auto sheet = first.project(stepped_projections::options(mode));
      first.run();
      REQUIRE(sheet.position() == 20_pos);
      REQUIRE(first.close());
    }
    stepped_projections second{log, home};
    const auto raised = second.project<2>(async());
    second.turn();
    const auto status = raised.status();
    CHECK(status.version == 1);
    CHECK(status.state == projection_state::waiting);
    REQUIRE(status.build);
    CHECK(status.build->version == 2);
    CHECK(status.build->position == 7_pos);
    CHECK(all_movements_in(raised) == 20);
    CHECK(std::filesystem::exists(home / "sheet/1"));
    second.run();
    CHECK(raised.status().version == 2);
    CHECK_FALSE(raised.status().build);
    CHECK(all_movements_in(raised) == 40);
    CHECK_FALSE(std::filesystem::exists(home / "sheet/1"));
    CHECK(std::filesystem::exists(home / "sheet/2"));
  }
}

TEST_CASE("what is parked while tables are built stays parked when the build goes on") {
  const temporary_directory place;
  sheet_log log;
  log.put_some(20);
  std::vector<cairn::projection_decision> decided;
  {
    stepped_projections first{log, place / "projections"};
    const auto sheet = first.project(async());
    first.run();
    sheet_handlers::fails_at = 11_pos;
    REQUIRE(sheet.rebuild());
    run_until_build_stopped(first, sheet);
    CHECK(sheet.status().build->position == 10_pos);
    sheet_handlers::fails_at = 21_pos;
    log.put();
    first.run();
    CHECK(sheet.status().state == projection_state::stopped);
    REQUIRE(sheet.park("to be looked after"));
    first.run();
    CHECK(sheet.position() == 21_pos);
    decided = sheet.decisions().value();
    REQUIRE(decided.size() == 1);
    CHECK(decided[0].position == 21_pos);
    copy_as_crashed(place / "projections", place / "crashed");
    // Some of the rows of the build are on disk.
    const auto built =
        cairn::table_store::open_for_reading({.directory = place / "crashed/sheet/1/2"});
    REQUIRE(built);
    CHECK((*built)->checkpoint().value().position > 0_pos);
    CHECK((*built)->checkpoint().value().position <= 10_pos);
  }
  SUBCASE("that has been interrupted once") {}
  SUBCASE("that has been begun twice") {
    copy_as_crashed(place / "crashed/sheet/1/2", place / "crashed/sheet/1/3");
  }
  stepped_projections second{log, place / "crashed"};
  const auto sheet = second.project(async());
  REQUIRE(sheet.status().build);
  sheet_handlers::fails_at = 21_pos;
  second.run();
  CHECK_FALSE(sheet.status().build);
  CHECK(sheet.position() == 21_pos);
  CHECK(sheet.decisions().value() == decided);
  CHECK(sheet.parked().value() == decided);
  CHECK(all_movements_in(sheet) == 20); // it was passed over
}

TEST_CASE("what is skipped is the event of the tables being built where those have got further") {
  for (const auto mode : both_modes) {
    sheet_log log;
    stepped_projections at{log};
    const auto sheet = at.project(stepped_projections::options(mode));
    for (const auto* id : {"a", "b", "c", "d"})
      log.put(id);
    at.run();
    sheet_handlers::fails_at = 5_pos;
    log.put("e");
    log.put("f");
    at.run();
    CHECK(sheet.status().state == projection_state::stopped);
    CHECK(sheet.position() == 4_pos);
    sheet_handlers::fails_at = 6_pos; // the one is mended, the other is not
    REQUIRE(sheet.rebuild());
    run_until_build_stopped(at, sheet);
    CHECK(sheet.status().build->position == 5_pos);
    REQUIRE(sheet.skip("does not matter"));
    CHECK(sheet.decisions().value().empty()); // it is on the list of those that are built
    at.run();
    CHECK_FALSE(sheet.status().build);
    const auto decided = sheet.decisions().value();
    REQUIRE(decided.size() == 1);
    CHECK(decided[0].position == 6_pos);
    const auto seen = movements_in(sheet);
    CHECK(seen.contains("e"));
    CHECK_FALSE(seen.contains("f"));
  }
}

TEST_CASE("what is parked while tables are rebuilt stays parked when those take their place") {
  for (const auto mode : both_modes) {
    sheet_log log;
    stepped_projections at{log};
    auto one_at_a_time = stepped_projections::options(mode);
    one_at_a_time.max_batch_events = 1;
    const auto sheet = at.project(one_at_a_time);
    for (int i = 0; i < 5; ++i)
      log.put("a");
    at.run();
    REQUIRE(sheet.rebuild());
    log.put("b");
    bool failed = false;
    sheet_handlers::on_event = [&](const cairn::event_info& applied) {
      if (applied.position == 6_pos && !std::exchange(failed, true))
        throw std::runtime_error{"a fault, which is mended at once"};
    };
    at.turn();
    at.turn(); // inlined, it fails in one turn and stops in the next
    REQUIRE(sheet.status().state == projection_state::stopped);
    REQUIRE(sheet.status().build);
    CHECK(sheet.status().build->position == 2_pos); // it has not met the event yet
    REQUIRE(sheet.park("a fault"));
    at.run();
    CHECK_FALSE(sheet.status().build);
    CHECK(sheet.position() == 6_pos);
    CHECK_FALSE(movements_in(sheet).contains("b"));
    CHECK(sheet.parked().value().size() == 1);
  }
}

TEST_CASE("what was parked before a rebuild is passed over by it") {
  sheet_log log;
  stepped_projections at{log};
  const auto sheet = at.project(async());
  log.put_some(4);
  sheet_handlers::fails_at = 3_pos;
  at.run();
  REQUIRE(sheet.park("a fault"));
  at.run();
  sheet_handlers::fails_at = 0_pos; // it has been mended
  REQUIRE(sheet.rebuild());
  at.run();
  CHECK_FALSE(sheet.status().build);
  CHECK(all_movements_in(sheet) == 3);
  CHECK(sheet.parked().value().size() == 1);
}

TEST_CASE("tables that serve before they have caught up serve again after a crash in a rebuild") {
  const temporary_directory place;
  sheet_log log;
  log.put_some(6);
  std::vector<cairn::projection_decision> decided;
  {
    stepped_projections first{log, place / "projections"};
    sheet_handlers::fails_at = 6_pos;
    const auto sheet = first.project(async());
    first.run();
    CHECK(sheet.status().state == projection_state::stopped);
    sheet_handlers::fails_at = 3_pos;
    REQUIRE(sheet.rebuild());
    run_until_build_stopped(first, sheet);
    REQUIRE(sheet.retry("once more"));
    sheet_handlers::fails_at = 6_pos;
    first.run();
    decided = sheet.decisions().value();
    REQUIRE(decided.size() == 1);
    copy_as_crashed(place / "projections", place / "crashed");
  }
  stepped_projections second{log, place / "crashed"};
  const auto sheet = second.project(async());
  CHECK(sheet.position() == 5_pos);
  CHECK(sheet.decisions().value() == decided);
}

TEST_CASE("a build that begins anew after a crash does not repeat the decisions") {
  const temporary_directory place;
  sheet_log log;
  log.put_some(2);
  std::vector<cairn::projection_decision> decided;
  {
    stepped_projections first{log, place / "projections"};
    sheet_handlers::fails_at = 2_pos;
    const auto sheet = first.project(async());
    first.run();
    REQUIRE(sheet.park("to be looked after"));
    first.run();
    decided = sheet.decisions().value();
    REQUIRE(decided.size() == 1);
    REQUIRE(sheet.rebuild()); // the decisions are copied, no batch is published
    copy_as_crashed(place / "projections", place / "crashed");
  }
  stepped_projections second{log, place / "crashed"};
  const auto sheet = second.project(async());
  REQUIRE(sheet.status().build);
  second.run();
  CHECK_FALSE(sheet.status().build);
  CHECK(sheet.decisions().value() == decided);
}
