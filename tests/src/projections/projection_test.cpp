#include "ledger_projection.hpp"
#include "literals.hpp"

#include <optional>
#include <random>
#include <thread>
#include <vector>

using namespace test;
using cairn::errc;
using cairn::projection_mode;
using cairn::projection_state;

namespace {

/// Random commands from a few threads; each is waited for.
void move_money(const cairn::aggregates<account>& accounts, unsigned seed, int commands) {
  std::vector<std::thread> clients;
  for (unsigned client = 0; client < 4; ++client)
    clients.emplace_back([&accounts, commands, client, seed] {
      std::mt19937 random{seed + client};
      for (int i = 0; i < commands; ++i) {
        const auto id = "a" + std::to_string(random() % 30);
        if (random() % 3 == 0)
          (void)accounts.ask(id, transfer{.amount = random() % 20, .fee = 1}).get();
        else
          (void)accounts.ask(id, put(random() % 50)).get();
      }
    });
  for (auto& client : clients)
    client.join();
}

} // namespace

TEST_CASE("the tables are the fold of the journal: of what was there before, and what comes") {
  const auto seed = std::random_device{}();
  MESSAGE("seed " << seed);
  for (const bool on_disk : {false, true}) {
    CAPTURE(on_disk);
    const temporary_directory directory;
    auto runtime = on_disk ? open_runtime(directory / "data") : open_runtime();
    const auto accounts = runtime.host<account>().value();
    move_money(accounts, seed, 30);
    const auto behind = runtime.project<ledger<0>>(small_batches(projection_mode::async)).value();
    const auto in_reply =
        runtime.project<ledger<1>>(small_batches(projection_mode::before_reply)).value();
    check_view<ledger<1>>(runtime.journal(), in_reply.read().value());
    move_money(accounts, seed + 100, 100);
    const auto head = runtime.journal().last_position();
    CHECK(in_reply.position() == head);
    REQUIRE(behind.wait_for(head));
    const auto a = behind.read().value();
    const auto b = in_reply.read().value();
    CHECK(a.position() == head);
    CHECK(b.position() == head);
    check_view<ledger<0>>(runtime.journal(), a);
    check_view<ledger<1>>(runtime.journal(), b);
    CHECK(rows_of<ledger<0>>(a) == rows_of<ledger<1>>(b)); // the two ways agree
  }
}

TEST_CASE("every view read while commands come is the fold up to its position") {
  for (const auto mode : {projection_mode::async, projection_mode::before_reply}) {
    const temporary_directory directory;
    auto runtime = open_runtime(directory / "data");
    const auto accounts = runtime.host<account>().value();
    const auto sheet = runtime.project<ledger<0>>(small_batches(mode)).value();
    std::thread client{[&] { move_money(accounts, 7, 60); }};
    for (int i = 0; i < 20; ++i)
      check_view<ledger<0>>(runtime.journal(), sheet.read().value());
    client.join();
    REQUIRE(sheet.wait_for(runtime.journal().last_position()));
    check_view<ledger<0>>(runtime.journal(), sheet.read().value());
  }
}

TEST_CASE("tables are found again after a restart, and only the events since are taken in") {
  for (const auto mode : {projection_mode::async, projection_mode::before_reply}) {
    const temporary_directory directory;
    cairn::position head;
    for (int round = 0; round < 3; ++round) {
      std::optional<cairn::position> first_seen;
      auto runtime = open_runtime(directory / "data");
      const auto accounts = runtime.host<account>().value();
      const handler_hook note{
          [&](const cairn::event_info& at) { first_seen = first_seen.value_or(at.position); }};
      const auto sheet = runtime.project<ledger<0>>(small_batches(mode)).value();
      REQUIRE(accounts.ask("b", put(1)).get());
      REQUIRE(sheet.wait_for(runtime.journal().last_position()));
      check_view<ledger<0>>(runtime.journal(), sheet.read().value());
      CHECK(first_seen == head + 1);
      head = runtime.journal().last_position();
      CHECK(runtime.close());
      CHECK(sheet.read().error().code() == errc::shut_down);
      CHECK(sheet.wait_for(head + 1).error().code() == errc::shut_down);
      CHECK(sheet.status().state == projection_state::closed);
    }
  }
}

TEST_CASE(
    "tables written behind the log can be kept in the reply from the next start on, and back") {
  const temporary_directory directory;
  for (int round = 0; round < 4; ++round) {
    auto runtime = open_runtime(directory / "data");
    const auto accounts = runtime.host<account>().value();
    REQUIRE(accounts.ask("a" + std::to_string(round), put(5)).get());
    const auto mode = round % 2 == 0 ? projection_mode::async : projection_mode::before_reply;
    const auto sheet = runtime.project<ledger<0>>(small_batches(mode)).value();
    REQUIRE(sheet.wait_for(runtime.journal().last_position()));
    check_view<ledger<0>>(runtime.journal(), sheet.read().value());
  }
}

TEST_CASE("events of types that it does not name are passed over") {
  auto runtime = open_runtime();
  const auto accounts = runtime.host<account>().value();
  const auto sheet = runtime.project<ledger<0>>().value();
  REQUIRE(accounts.ask("a", put(5)).get());
  const auto last = accounts.ask("a", test::close{}).get().value();
  REQUIRE(sheet.wait_for(last.position()));
  CHECK(sheet.read().value().get(ledger<0>::balances, "a").value()->balance == 5);
}

TEST_CASE("asking for a projection again gives the same one") {
  auto runtime = open_runtime();
  const auto accounts = runtime.host<account>().value();
  const auto one = runtime.project<ledger<0>>().value();
  const auto two = runtime.project<ledger<0>>().value();
  one.pause();
  CHECK(two.status().state == projection_state::paused);
}

namespace {

/// As `ledger<0>`, with another kind of key.
struct reshaped : ledger<0> {
  static constexpr cairn::table<std::uint64_t, holding> balances{"balances"};
  static constexpr auto tables = std::tie(balances);
  static void project(cairn::table_writer& to, const cairn::event_info&, const deposited& e) {
    to.update(balances, e.amount, [](holding& row) { ++row.movements; });
  }
  static void project(cairn::table_writer&, const cairn::event_info&, const withdrawn&) {}
  static void project(cairn::table_writer&, const cairn::event_info&, const fee_taken&) {}
};

struct reshaped_anew : reshaped {
  static constexpr std::uint32_t version = 2;
};

} // namespace

TEST_CASE("tables of another shape are refused until the version is raised") {
  const temporary_directory directory;
  {
    auto runtime = open_runtime(directory / "data");
    REQUIRE(runtime.host<account>().value().ask("a", put(5)).get());
    REQUIRE(runtime.project<ledger<0>>().value().wait_for(1_pos));
  }
  auto runtime = open_runtime(directory / "data");
  const auto refused = runtime.project<reshaped>();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::incompatible_format);
  CHECK(refused.error().message().find("raise") != std::string::npos);
  const auto anew = runtime.project<reshaped_anew>().value();
  REQUIRE(anew.wait_for(1_pos));
  CHECK(anew.read().value().get(reshaped::balances, 5).value()->movements == 1);
}

TEST_CASE("tables of another history than the journal's are refused") {
  const temporary_directory directory;
  for (const auto* name : {"one", "two"}) {
    auto runtime = open_runtime(directory / name);
    REQUIRE(runtime.host<account>().value().ask("a", put(5)).get());
    REQUIRE(runtime.host<account>().value().ask("a", put(6)).get());
    REQUIRE(runtime.project<ledger<0>>().value().wait_for(2_pos));
  }
  std::filesystem::remove_all(directory / "two" / "projections");
  std::filesystem::rename(directory / "one" / "projections", directory / "two" / "projections");
  auto runtime = open_runtime(directory / "two");
  const auto refused = runtime.project<ledger<0>>();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::corrupt_journal);
}

TEST_CASE("the tables lie where it says, for the owner alone") {
  const temporary_directory directory;
  auto runtime = open_runtime(directory / "data");
  REQUIRE(runtime.host<account>().value().ask("a", put(5)).get());
  REQUIRE(runtime.project<ledger<0>>().value().wait_for(1_pos));
  const auto lies = directory / "data" / "projections" / "ledger" / "1" / "1";
  CHECK(std::filesystem::exists(lies / "tables.mdb"));
  using std::filesystem::perms;
  for (auto folder = lies; folder != directory / "data"; folder = folder.parent_path())
    CHECK(std::filesystem::status(folder).permissions() == perms::owner_all);
  CHECK(cairn::table_store::open_for_reading({.directory = lies}).error().code()
        == errc::already_open); // not this one
}
