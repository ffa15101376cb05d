#include <cairn/reading_runtime.hpp>
#include <cairn/runtime.hpp>

#include "account.hpp"
#include "holdings.hpp"
#include "literals.hpp"
#include "temporary_directory.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <future>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

using namespace test;
using cairn::errc;

namespace {

deposit put(std::uint64_t amount) {
  return {.amount = amount, .note = {}};
}

template <class Accounts>
auto balance_of(const Accounts& accounts, std::string_view id) {
  return accounts.query(id, [](const account_state& now) { return now.balance; });
}

struct holdings : follows_money<holdings> {
  static constexpr std::string_view name = "holdings";
  static constexpr std::uint32_t version = 1;

  static constexpr cairn::table<std::string, holding, by_balance> balances{"balances"};
  static constexpr auto tables = std::tie(balances);

  static void move(cairn::table_writer& to, const cairn::event_info& at, std::uint64_t amount) {
    to.update(balances, at.aggregate_id, [&](holding& row) { row.balance += amount; });
  }
};

/// A journal with `count` deposits to one account.
void write_deposits(const cairn::lmdb& where, int count) {
  auto runtime = cairn::runtime::open({.storage = where}).value();
  const auto accounts = runtime.host<account>().value();
  for (int i = 0; i < count; ++i)
    REQUIRE(accounts.ask("a", put(1)).get());
  REQUIRE(runtime.close());
}

} // namespace

TEST_CASE("a runtime for reading answers from what another runtime has made durable") {
  const temporary_directory directory;
  const cairn::lmdb where{.directory = directory / "data"};
  CHECK(cairn::reading_runtime::open(where).error().code() == errc::not_found);
  const auto nameless = cairn::reading_runtime::open({});
  REQUIRE(!nameless);
  CHECK(nameless.error().code() == errc::invalid_argument);
  CHECK(nameless.error().message().find("directory must not be empty") != std::string::npos);
  {
    auto runtime = cairn::runtime::open({.storage = where}).value();
    auto accounts = runtime.host<account>({.snapshot_every = 4}).value();
    for (int i = 0; i < 10; ++i)
      REQUIRE(accounts.ask("a", put(1)).get());
    CHECK(cairn::reading_runtime::open(where).error().code() == errc::already_open);
    CHECK(runtime.close());
  }
  auto runtime = cairn::reading_runtime::open(where).value();
  auto accounts = runtime.host<account>().value();
  CHECK(balance_of(accounts, "a").get().value() == 10);
  CHECK(balance_of(accounts, "nobody").get().value() == 0);
  CHECK(balance_of(accounts, "").get().error().code() == errc::invalid_argument);
  const auto balance = [](const account_state& now) { return now.balance; };
  const auto past = std::chrono::steady_clock::now() - std::chrono::seconds{1};
  CHECK(accounts.query("a", balance, {.deadline = past}).get().error().code()
        == errc::deadline_exceeded);
  CHECK(accounts.state_at_version("a", 3_ver).value().balance == 3);
  std::uint64_t told = 0;
  CHECK(accounts.history("a", [&](const auto&, const auto&) { ++told; }).value() == 10_ver);
  CHECK(told == 10);
  std::promise<void> seen;
  auto follower = accounts
                      .subscribe("a",
                                 [&](const cairn::event_info& info, const account::event&) {
                                   if (info.version == 10_ver)
                                     seen.set_value();
                                 })
                      .value();
  seen.get_future().wait();
  CHECK(runtime.journal().last_position() == 10_pos);
  CHECK(runtime.close());
  CHECK(follower.wait());
  CHECK(balance_of(accounts, "a").get().error().code() == errc::shut_down);
  CHECK(accounts.history("a", [](const auto&, const auto&) {}).error().code() == errc::shut_down);
  CHECK(cairn::runtime::open({.storage = where})); // it left nothing behind that hinders a writer
}

TEST_CASE("a handle that reads is got from one that commands, never the other way") {
  static_assert(
      std::is_convertible_v<cairn::aggregates<account>, cairn::aggregate_reader<account>>);
  static_assert(
      !std::is_constructible_v<cairn::aggregates<account>, cairn::aggregate_reader<account>>);
  static_assert(!std::is_convertible_v<cairn::reading_runtime, cairn::runtime>);
  auto runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
  const auto accounts = runtime.host<account>().value();
  REQUIRE(accounts.ask("a", put(7)).get());
  const cairn::aggregate_reader<account> reader = accounts;
  CHECK(balance_of(reader, "a").get().value() == 7);
}

TEST_CASE("a runtime for reading has projections that follow, and none in replies") {
  const temporary_directory directory;
  const cairn::lmdb where{.directory = directory / "data"};
  write_deposits(where, 10);
  auto runtime = cairn::reading_runtime::open(where).value();
  const auto refused = runtime.project<holdings>({.mode = cairn::projection_mode::before_reply});
  REQUIRE(!refused);
  CHECK(refused.error().code() == errc::invalid_argument);
  const auto followed = runtime.project<holdings>().value();
  CHECK(followed.wait_for(10_pos));
  const auto rows = followed.read().value();
  CHECK(rows.get(holdings::balances, "a").value()->balance == 10);
  CHECK(runtime.close());
}

TEST_CASE("a runtime for reading that is replaced is closed") {
  const temporary_directory directory;
  const cairn::lmdb where{.directory = directory / "data"};
  const cairn::lmdb elsewhere{.directory = directory / "other"};
  write_deposits(where, 1);
  write_deposits(elsewhere, 2);
  auto runtime = cairn::reading_runtime::open(where).value();
  const auto old_accounts = runtime.host<account>().value();
  runtime = cairn::reading_runtime::open(elsewhere).value();
  CHECK(balance_of(old_accounts, "a").get().error().code() == errc::shut_down);
  CHECK(balance_of(runtime.host<account>().value(), "a").get().value() == 2);
}
