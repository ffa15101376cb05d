#include "ledger_projection.hpp"
#include "literals.hpp"

#include <atomic>
#include <thread>
#include <vector>

using namespace test;
using namespace std::chrono_literals;
using cairn::errc;
using cairn::projection_decision;
using cairn::projection_mode;
using cairn::projection_state;

namespace {

/// Options whose pauses are noted instead of made.
cairn::projection_options patient(projection_mode mode,
                                  std::vector<std::chrono::milliseconds>& pauses) {
  auto options = small_batches(mode);
  options.max_attempts = 4;
  options.initial_backoff = 10ms;
  options.max_backoff = 25ms;
  options.pause_between_attempts = [&pauses](std::chrono::milliseconds time) {
    pauses.push_back(time);
  };
  return options;
}

constexpr projection_mode both_modes[]{projection_mode::async, projection_mode::before_reply};

} // namespace

TEST_CASE("an event that cannot be applied is tried again with pauses, then stops the projection") {
  for (const auto mode : both_modes) {
    const temporary_directory directory;
    std::vector<std::chrono::milliseconds> pauses;
    auto runtime = open_runtime(directory / "data");
    const auto accounts = runtime.host<account>().value();
    const auto sheet = runtime.project<ledger<0>>(patient(mode, pauses)).value();
    REQUIRE(accounts.ask("a", put(1)).get());
    REQUIRE(accounts.ask("a", put(2, "poison")).get());
    REQUIRE(accounts.ask("b", put(3)).get()); // commands go on
    const auto waited = sheet.wait_for(3_pos);
    REQUIRE_FALSE(waited);
    CHECK(waited.error().code() == errc::projection_stopped);
    CHECK(waited.error().position() == 2_pos);
    CHECK(pauses == std::vector{10ms, 20ms, 25ms});
    const auto status = sheet.status();
    CHECK(status.state == projection_state::stopped);
    CHECK(status.position == 1_pos);
    CHECK(status.head == 3_pos);
    CHECK(status.lag_events == 2);
    CHECK(status.attempts == 4);
    REQUIRE(status.last_error);
    CHECK(status.last_error->code() == errc::handler_failed);
    CHECK(status.last_error->position() == 2_pos);
    CHECK(status.last_error->message().find("it is poison") != std::string::npos);
    check_view<ledger<0>>(runtime.journal(), sheet.read().value()); // of the events before
    CHECK(accounts.ask("a", put(1), {.visible_in = {sheet}}).get().error().code()
          == errc::not_visible);
  }
}

TEST_CASE("an event that fails once and then does not is applied once") {
  for (const auto mode : both_modes) {
    std::vector<std::chrono::milliseconds> pauses;
    std::atomic<int> failures = 2;
    const handler_hook fail{[&](const cairn::event_info&) {
      if (failures-- > 0)
        throw std::runtime_error{"not now"};
    }};
    auto runtime = open_runtime();
    const auto sheet = runtime.project<ledger<0>>(patient(mode, pauses)).value();
    REQUIRE(runtime.host<account>().value().ask("a", put(1)).get());
    REQUIRE(sheet.wait_for(1_pos));
    CHECK(pauses == std::vector{10ms, 20ms});
    check_view<ledger<0>>(runtime.journal(), sheet.read().value());
    // And in replies again, if that is how it works.
    for (int i = 0; i < 20; ++i) {
      const auto reply = runtime.host<account>().value().ask("a", put(1)).get().value();
      REQUIRE(sheet.wait_for(reply.position()));
    }
    check_view<ledger<0>>(runtime.journal(), sheet.read().value());
  }
}

TEST_CASE("retry, park and skip are decisions that stay on record") {
  for (const auto mode : both_modes) {
    const temporary_directory directory;
    std::vector<std::chrono::milliseconds> pauses;
    std::vector<projection_decision> decided;
    {
      auto runtime = open_runtime(directory / "data");
      const auto accounts = runtime.host<account>().value();
      const auto sheet = runtime.project<ledger<0>>(patient(mode, pauses)).value();
      CHECK(sheet.skip("nothing to skip").error().code() == errc::not_found);
      REQUIRE(accounts.ask("a", put(1)).get());
      REQUIRE(accounts.ask("a", put(2, "poison")).get());
      REQUIRE(accounts.ask("a", put(3, "poison")).get());
      REQUIRE(accounts.ask("b", put(4)).get());
      CHECK_FALSE(sheet.wait_for(4_pos));
      REQUIRE(sheet.retry("perhaps it is better now"));
      CHECK_FALSE(sheet.wait_for(4_pos));
      CHECK(pauses.size() == 6);
      REQUIRE(sheet.park("to be looked after"));
      const auto again = sheet.wait_for(4_pos);
      CHECK(again.error().position() == 3_pos);
      REQUIRE(sheet.skip("does not matter"));
      REQUIRE(sheet.wait_for(4_pos));
      decided = sheet.decisions().value();
      REQUIRE(decided.size() == 3);
      CHECK(decided[0].what == projection_decision::kind::retry);
      CHECK(decided[1].what == projection_decision::kind::park);
      CHECK(decided[2].what == projection_decision::kind::skip);
      CHECK(decided[1].position == 2_pos);
      CHECK(decided[1].version == 2_ver);
      CHECK(decided[1].stream == "account/a");
      CHECK(decided[1].type == cairn::type_id_of<deposited>());
      CHECK(decided[1].attempts == 4);
      CHECK(decided[1].reason == "to be looked after");
      CHECK(decided[1].error.find("it is poison") != std::string::npos);
      CHECK(decided[1].decided_at.time_since_epoch().count() > 0);
      REQUIRE(sheet.parked().value().size() == 1);
      CHECK(sheet.parked().value()[0] == decided[1]);
      if (mode == projection_mode::before_reply) { // it advances in replies again
        const auto reply = accounts.ask("b", put(1)).get().value();
        REQUIRE(sheet.wait_for(reply.position()));
      }
    }
    auto runtime = open_runtime(directory / "data");
    const auto sheet = runtime.project<ledger<0>>(patient(mode, pauses)).value();
    REQUIRE(sheet.wait_for(runtime.journal().last_position()));
    CHECK(sheet.decisions().value() == decided);
    const auto seen = rows_of<ledger<0>>(sheet.read().value());
    CHECK(seen.at("a").balance == 1);
    CHECK(seen.at("b").balance >= 4);
  }
}

TEST_CASE("a paused projection takes nothing in until it is resumed") {
  for (const auto mode : both_modes) {
    auto runtime = open_runtime();
    const auto accounts = runtime.host<account>().value();
    const auto sheet = runtime.project<ledger<0>>(small_batches(mode)).value();
    REQUIRE(accounts.ask("a", put(1)).get());
    REQUIRE(sheet.wait_for(1_pos));
    sheet.pause();
    CHECK(sheet.status().state == projection_state::paused);
    for (int i = 0; i < 10; ++i)
      REQUIRE(accounts.ask("a", put(1)).get());
    CHECK(sheet.position() == 1_pos);
    CHECK(sheet.status().lag_events == 10);
    CHECK(sheet.wait_for(2_pos, std::chrono::steady_clock::now()).error().code()
          == errc::deadline_exceeded);
    sheet.resume();
    REQUIRE(sheet.wait_for(11_pos));
    check_view<ledger<0>>(runtime.journal(), sheet.read().value());
  }
}

TEST_CASE("a raised version is built beside the tables that serve, then takes their place") {
  for (const auto mode : both_modes) {
    const temporary_directory directory;
    const auto home = directory / "data" / "projections" / "ledger";
    {
      auto runtime = open_runtime(directory / "data");
      const auto accounts = runtime.host<account>().value();
      const auto sheet = runtime.project<ledger<0>>(small_batches(mode)).value();
      for (int i = 0; i < 40; ++i)
        REQUIRE(accounts.ask("a" + std::to_string(i % 3), put(1)).get());
      REQUIRE(sheet.wait_for(40_pos));
    }
    latch handlers;
    const handler_hook hold{[&](const cairn::event_info& at) {
      if (at.position > 20_pos)
        handlers.pass();
    }};
    handlers.shut();
    {
      auto runtime = open_runtime(directory / "data");
      const auto sheet = runtime.project<ledger<0, 2>>(small_batches(mode)).value();
      handlers.wait_for_arrival();
      const auto view = sheet.read().value();
      CHECK(view.position() == 40_pos);
      check_view<ledger<0>>(runtime.journal(), view, 1); // of the old one, whole
      const auto status = sheet.status();
      CHECK(status.version == 1);
      CHECK(status.state == projection_state::waiting);
      REQUIRE(status.build);
      CHECK(status.build->version == 2);
      CHECK(status.build->position < 40_pos);
      CHECK(status.build->head == 40_pos);
      handlers.open();
      // In the middle of the building the program ends.
    }
    auto runtime = open_runtime(directory / "data");
    const auto accounts = runtime.host<account>().value();
    const auto sheet = runtime.project<ledger<0, 2>>(small_batches(mode)).value();
    const auto reply = accounts.ask("b", put(1)).get().value();
    REQUIRE(sheet.wait_for(reply.position()));
    CHECK(sheet.status().version == 2);
    CHECK_FALSE(sheet.status().build);
    check_view<ledger<0>>(runtime.journal(), sheet.read().value(), 2);
    CHECK(std::filesystem::exists(home / "2"));
  }
}

TEST_CASE("tables are rebuilt beside those that serve and stay up to date, then take their place") {
  for (const bool on_disk : {true, false}) {
    for (const auto mode : both_modes) {
      const temporary_directory directory;
      faulty_handlers handlers;
      auto runtime = on_disk ? open_runtime(directory / "data") : open_runtime();
      const auto accounts = runtime.host<account>().value();
      std::vector<std::chrono::milliseconds> pauses;
      handlers.fails_at = 5_pos;
      const auto sheet = runtime.project<ledger<0>>(patient(mode, pauses)).value();
      for (int i = 0; i < 10; ++i)
        REQUIRE(accounts.ask("a" + std::to_string(i % 3), put(1)).get());
      CHECK_FALSE(sheet.wait_for(10_pos));
      REQUIRE(sheet.park("a fault"));
      REQUIRE(sheet.wait_for(10_pos));
      handlers.fails_at = 0_pos; // it has been mended
      handlers.hold_build();
      REQUIRE(sheet.rebuild());
      CHECK(sheet.rebuild().error().code() == errc::invalid_argument);
      handlers.wait_for_build();
      const auto meanwhile = accounts.ask("b", put(1)).get().value();
      REQUIRE(sheet.wait_for(meanwhile.position())); // by those that serve
      CHECK(sheet.status().build);
      handlers.let_build();
      std::uint64_t sent = 1;
      for (; sheet.status().build; ++sent) // they catch up although events come
        REQUIRE(accounts.ask("b", put(1)).get());
      REQUIRE(sheet.wait_for(runtime.journal().last_position()));
      const auto seen = rows_of<ledger<0>>(sheet.read().value());
      CHECK(seen.at("b").movements == sent);
      CHECK(seen.at("a1").movements == 2); // what was parked stays parked
      CHECK(sheet.parked().value().size() == 1);
    }
  }
}

TEST_CASE("status tells the lag in events and in time, and the rate") {
  auto runtime = open_runtime();
  const auto accounts = runtime.host<account>().value();
  const auto sheet = runtime.project<ledger<0>>().value();
  for (int i = 0; i < 100; ++i)
    REQUIRE(accounts.ask("a", put(1)).get());
  REQUIRE(sheet.wait_for(100_pos));
  const auto status = sheet.status();
  CHECK(status.name == "ledger");
  CHECK(status.version == 1);
  CHECK(status.position == 100_pos);
  CHECK(status.lag_events == 0);
  CHECK(status.lag == 0ms);
  CHECK(status.rate_per_s > 0);
  CHECK_FALSE(status.last_error);
}
