// Projections whose runtime ends, that are paused, or built, while something else goes on.

#include "ledger_projection.hpp"

#include <atomic>
#include <limits>
#include <optional>
#include <thread>
#include <vector>

using namespace test;
using namespace std::chrono_literals;
using cairn::errc;
using cairn::projection_mode;
using cairn::projection_state;

namespace {

constexpr projection_mode both_modes[]{projection_mode::async, projection_mode::before_reply};

template <class Accounts>
void put_some(const Accounts& accounts, int events) {
  for (int i = 0; i < events; ++i)
    REQUIRE(accounts.ask("a" + std::to_string(i % 3), put(1)).get());
}

/// A runtime, its accounts, and a projection that has taken in what there is.
struct running_sheet {
  cairn::runtime runtime;
  cairn::aggregates<account> accounts;
  cairn::projection<ledger<0>> sheet;
};

running_sheet ten_events_in(projection_mode mode) {
  auto runtime = open_runtime();
  auto accounts = runtime.host<account>().value();
  auto sheet = runtime.project<ledger<0>>(small_batches(mode)).value();
  put_some(accounts, 10);
  REQUIRE(sheet.wait_for(10));
  return {std::move(runtime), std::move(accounts), std::move(sheet)};
}

/// Options by which an event that cannot be applied stops the projection at once.
cairn::projection_options one_attempt() {
  auto options = small_batches(projection_mode::async);
  options.max_attempts = 1;
  return options;
}

/// A copy of a runtime's directory as a crash would leave it now.
void copy_as_crashed(const std::filesystem::path& from, const std::filesystem::path& to) {
  using std::filesystem::perms;
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
  for (const auto& entry : std::filesystem::recursive_directory_iterator{to})
    std::filesystem::permissions(
        entry, entry.is_directory() ? perms::owner_all : perms::owner_read | perms::owner_write);
  std::filesystem::permissions(to, perms::owner_all);
}

/// How far tables have got on disk that are open in this process; 0 also if that cannot be told.
std::uint64_t checkpoint_in_copy_of(const std::filesystem::path& tables) {
  const temporary_directory place;
  copy_as_crashed(tables, place / "copy");
  const auto copy = cairn::table_store::open_for_reading({.directory = place / "copy"});
  const auto at = copy ? (*copy)->checkpoint() : copy.error();
  return at ? at->position : 0;
}

} // namespace

TEST_CASE("a projection's handle that outlives its runtime says that it is closed") {
  std::optional<cairn::projection<ledger<0>>> sheet;
  {
    auto runtime = open_runtime();
    sheet = runtime.project<ledger<0>>().value();
    put_some(runtime.host<account>().value(), 3);
    REQUIRE(sheet->wait_for(3));
  }
  CHECK(sheet->status().state == projection_state::closed);
  CHECK(sheet->wait_for(99).error().code() == errc::shut_down);
  CHECK(sheet->wait_for(99, std::chrono::steady_clock::now() + 1h).error().code()
        == errc::shut_down);
  CHECK(sheet->read().error().code() == errc::shut_down);
  CHECK(sheet->rebuild().error().code() == errc::shut_down);
  CHECK(sheet->skip("nothing").error().code() == errc::shut_down);
  CHECK(sheet->decisions().error().code() == errc::shut_down);
}

TEST_CASE("closing in the middle of a batch stays closed for who waits and who comes later") {
  latch handlers;
  const handler_hook hold{[&](const cairn::event_info&) { handlers.pass(); }};
  auto runtime = open_runtime();
  const auto sheet = runtime.project<ledger<0>>().value();
  handlers.shut();
  REQUIRE(runtime.host<account>().value().ask("a", put(1)).get());
  handlers.wait_for_arrival();
  auto waiting = sheet.when_visible(99);
  std::thread closing{[&] { CHECK(runtime.close()); }};
  CHECK(waiting.get().error().code() == errc::shut_down); // while the batch is still running
  handlers.open();
  closing.join();
  CHECK(sheet.wait_for(99).error().code() == errc::shut_down);
}

TEST_CASE("a runtime closes while projections in it are rebuilt and change places") {
  for (int round = 0; round < 40; ++round) {
    const auto mode = both_modes[round % 2];
    auto runtime = open_runtime();
    const auto accounts = runtime.host<account>().value();
    const auto sheet = runtime.project<ledger<0>>(small_batches(mode)).value();
    put_some(accounts, 1 + round);
    std::atomic<bool> done = false;
    std::vector<std::thread> others;
    for (int i = 0; i < 2; ++i)
      others.emplace_back([&] {
        while (!done) {
          const auto begun = sheet.rebuild();
          if (!begun && begun.error().code() != errc::invalid_argument)
            CHECK(begun.error().code() == errc::shut_down);
          (void)sheet.status();
        }
      });
    while (round % 4 != 0 && !sheet.status().build)
      std::this_thread::yield();
    CHECK(runtime.close());
    done = true;
    for (auto& other : others)
      other.join();
  }
}

TEST_CASE("closing does not wait for the first build of a projection in replies") {
  auto runtime = open_runtime();
  put_some(runtime.host<account>().value(), 5);
  std::atomic<bool> tried = false;
  const handler_hook fail{[&](const cairn::event_info&) {
    tried = true;
    throw std::runtime_error{"not as long as it lives"};
  }};
  auto for_ever = small_batches(projection_mode::before_reply);
  for_ever.max_attempts = std::numeric_limits<std::uint32_t>::max();
  for_ever.pause_between_attempts = [](std::chrono::milliseconds) { std::this_thread::yield(); };
  std::thread opening{
      [&] { CHECK(runtime.project<ledger<0>>(for_ever).error().code() == errc::shut_down); }};
  while (!tried)
    std::this_thread::yield();
  CHECK(runtime.close());
  opening.join();
}

TEST_CASE("replies that wait for a stuck projection have a bound, and so has who asks for more") {
  latch handlers;
  const handler_hook hold{[&](const cairn::event_info&) { handlers.pass(); }};
  auto runtime = open_runtime();
  const auto accounts = runtime.host<account>().value();
  const auto sheet = runtime.project<ledger<0>>({.max_waiting = 3}).value();
  handlers.shut();
  std::vector<cairn::future<cairn::reply>> waiting;
  for (int i = 0; i < 3; ++i) {
    waiting.push_back(accounts.ask("a", put(1), {.visible_in = {sheet}}));
    REQUIRE(accounts.ask("a", put(1)).get()); // so the one before is durable, and waits
  }
  const auto refused = accounts.ask("a", put(1), {.visible_in = {sheet}}).get();
  CHECK(refused.error().code() == errc::overloaded);
  CHECK(sheet.wait_for(99).error().code() == errc::overloaded);
  CHECK(runtime.journal().last_position() == 6); // nothing was written
  handlers.open();
  for (auto& reply : waiting)
    CHECK(reply.get().value().accepted());
  CHECK(accounts.ask("a", put(1), {.visible_in = {sheet}}).get().value().accepted());
}

TEST_CASE("built tables take their place although events come during every batch") {
  for (const auto mode : both_modes) {
    auto runtime = open_runtime();
    const auto accounts = runtime.host<account>().value();
    auto options = small_batches(mode);
    options.max_batch_events = 1'000'000;
    options.max_batch_time = 1h;
    const auto sheet = runtime.project<ledger<0>>(options).value();
    put_some(accounts, 20);
    REQUIRE(sheet.wait_for(20));
    std::atomic<bool> building = false;
    std::atomic<std::thread::id> builder{};
    const handler_hook append{[&](const cairn::event_info& at) {
      if (building && at.position == 1)
        builder = std::this_thread::get_id();
      if (!building || builder.load() != std::this_thread::get_id())
        return;
      const auto before = runtime.journal().last_position();
      (void)accounts.ask("b", put(1));
      while (runtime.journal().last_position() == before)
        std::this_thread::yield();
    }};
    building = true;
    REQUIRE(sheet.rebuild());
    wait_until_built(sheet);
    building = false;
    const auto last = accounts.ask("b", put(1)).get().value().position();
    REQUIRE(sheet.wait_for(last));
    check_view<ledger<0>>(runtime.journal(), sheet.read().value());
  }
}

TEST_CASE("a paused projection stays paused when it is rebuilt, and goes on when it is resumed") {
  for (const auto mode : both_modes) {
    auto [runtime, accounts, sheet] = ten_events_in(mode);
    sheet.pause();
    REQUIRE(sheet.rebuild());
    put_some(accounts, 10);
    REQUIRE(sheet.status().build);
    CHECK(sheet.status().build->state == projection_state::paused);
    CHECK(sheet.status().build->position == 0);
    CHECK(sheet.status().state == projection_state::paused);
    CHECK(sheet.position() == 10);
    sheet.resume();
    REQUIRE(sheet.wait_for(20));
    wait_until_built(sheet);
    const auto last = accounts.ask("b", put(1)).get().value().position();
    REQUIRE(sheet.wait_for(last));
    check_view<ledger<0>>(runtime.journal(), sheet.read().value());
  }
}

TEST_CASE("a pause while tables are built goes over to those that take their place") {
  for (const auto mode : both_modes) {
    auto [runtime, accounts, sheet] = ten_events_in(mode);
    REQUIRE(sheet.rebuild());
    sheet.pause();
    const auto at = sheet.position();
    put_some(accounts, 10);
    CHECK(sheet.position() == at);
    CHECK(sheet.status().state == projection_state::paused);
    sheet.resume();
    REQUIRE(sheet.wait_for(20));
  }
}

TEST_CASE("a projection that follows again has the rows of replies that left in the meantime") {
  auto runtime = open_runtime();
  const auto accounts = runtime.host<account>().value();
  const auto sheet =
      runtime.project<ledger<0>>(small_batches(projection_mode::before_reply)).value();
  sheet.pause();
  REQUIRE(accounts.ask("a", put(1)).get());
  std::atomic<bool> first = true;
  const handler_hook one_more{[&](const cairn::event_info&) {
    if (first.exchange(false)) // its reply leaves while the projection still catches up
      CHECK(accounts.ask("b", put(1)).get().value().position() == 2);
  }};
  sheet.resume();
  while (sheet.status().state != projection_state::following)
    std::this_thread::yield();
  CHECK(sheet.position() == 2);
}

TEST_CASE("what is parked while tables are built stays parked when the build goes on") {
  const temporary_directory directory;
  const auto options = one_attempt();
  std::vector<cairn::projection_decision> decided;
  {
    faulty_handlers handlers;
    auto runtime = open_runtime(directory / "data");
    const auto accounts = runtime.host<account>().value();
    const auto sheet = runtime.project<ledger<0>>(options).value();
    put_some(accounts, 20);
    REQUIRE(sheet.wait_for(20));
    handlers.fails_at = 11;
    rebuild_until_stopped(sheet);
    REQUIRE(accounts.ask("a", put(2, "poison")).get());
    CHECK_FALSE(sheet.wait_for(21));
    REQUIRE(sheet.park("to be looked after"));
    REQUIRE(sheet.wait_for(21));
    decided = sheet.decisions().value();
    REQUIRE(decided.size() == 1);
    while (checkpoint_in_copy_of(directory / "data/projections/ledger/1/2") == 0)
      std::this_thread::yield(); // some of its rows are on disk
    copy_as_crashed(directory / "data", directory / "crashed");
  }
  SUBCASE("that has been interrupted once") {}
  SUBCASE("that has been begun twice") {
    const auto built = directory / "crashed/projections/ledger/1/2";
    std::filesystem::copy(built, directory / "crashed/projections/ledger/1/3",
                          std::filesystem::copy_options::recursive);
    std::filesystem::permissions(directory / "crashed/projections/ledger/1/3",
                                 std::filesystem::perms::owner_all);
  }
  auto runtime = open_runtime(directory / "crashed");
  const auto sheet = runtime.project<ledger<0>>(options).value();
  wait_until_built(sheet);
  CHECK(sheet.decisions().value() == decided);
  CHECK(sheet.parked().value() == decided);
}

TEST_CASE("tables that serve before they have caught up serve again after a crash in a rebuild") {
  const temporary_directory directory;
  const auto options = one_attempt();
  std::vector<cairn::projection_decision> decided;
  {
    faulty_handlers handlers;
    auto runtime = open_runtime(directory / "data");
    const auto accounts = runtime.host<account>().value();
    put_some(accounts, 5);
    REQUIRE(accounts.ask("a", put(2, "poison")).get());
    const auto sheet = runtime.project<ledger<0>>(options).value();
    CHECK_FALSE(sheet.wait_for(6));
    handlers.fails_at = 3;
    rebuild_until_stopped(sheet);
    REQUIRE(sheet.retry("once more"));
    CHECK_FALSE(sheet.wait_for(6));
    decided = sheet.decisions().value();
    REQUIRE(decided.size() == 1);
    copy_as_crashed(directory / "data", directory / "crashed");
  }
  auto runtime = open_runtime(directory / "crashed");
  const auto sheet = runtime.project<ledger<0>>(options).value();
  CHECK_FALSE(sheet.wait_for(6));
  CHECK(sheet.decisions().value() == decided);
}

TEST_CASE("a build that begins anew after a crash does not repeat the decisions") {
  const temporary_directory directory;
  const auto options = one_attempt();
  std::vector<cairn::projection_decision> decided;
  {
    latch handlers;
    std::atomic<bool> building = false;
    const handler_hook hook{[&](const cairn::event_info&) {
      if (building)
        handlers.pass();
    }};
    auto runtime = open_runtime(directory / "data");
    const auto accounts = runtime.host<account>().value();
    const auto sheet = runtime.project<ledger<0>>(options).value();
    REQUIRE(accounts.ask("a", put(1)).get());
    REQUIRE(accounts.ask("a", put(2, "poison")).get());
    CHECK_FALSE(sheet.wait_for(2));
    REQUIRE(sheet.park("to be looked after"));
    REQUIRE(sheet.wait_for(2));
    decided = sheet.decisions().value();
    REQUIRE(decided.size() == 1);
    handlers.shut();
    building = true;
    REQUIRE(sheet.rebuild());
    handlers.wait_for_arrival(); // the decisions are copied, no batch is published
    copy_as_crashed(directory / "data", directory / "crashed");
    handlers.open();
  }
  auto runtime = open_runtime(directory / "crashed");
  const auto sheet = runtime.project<ledger<0>>(options).value();
  wait_until_built(sheet);
  CHECK(sheet.decisions().value() == decided);
}
