#pragma once

#include "holdings.hpp"
#include "member.hpp"

#include <cairn/simulation.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <tuple>

namespace test {

/// The balances of all accounts.
struct holdings : follows_money<holdings> {
  static constexpr std::string_view name = "holdings";
  static constexpr std::uint32_t version = 1;

  static constexpr cairn::table<std::string, holding, by_balance> balances{"balances"};
  static constexpr auto tables = std::tie(balances);

  static void move(cairn::table_writer& to, const cairn::event_info& at, std::uint64_t amount) {
    to.update(balances, at.aggregate_id, [&](holding& row) {
      row.balance += amount;
      ++row.movements;
    });
  }
};

/// How many movements there were, of all accounts.
struct movements {
  static constexpr std::string_view name = "movements";
  static constexpr std::uint32_t version = 1;
  using event = std::variant<deposited, withdrawn>;

  static constexpr cairn::table<std::uint32_t, holding> total{"total"};
  static constexpr auto tables = std::tie(total);

  static void project(cairn::table_writer& to, const cairn::event_info&, const deposited&) {
    to.update(total, 0, [](holding& row) { ++row.movements; });
  }
  static void project(cairn::table_writer& to, const cairn::event_info&, const withdrawn&) {
    to.update(total, 0, [](holding& row) { ++row.movements; });
  }
};

/// Movements of money, now and then something that fails, rarely the end of an account.
inline account::command next_account_command(cairn::random_source& random) {
  const auto amount = random.below(100);
  switch (random.below(40)) {
    case 0: return close{};
    case 1: return fail{.where = random.chance(0.5) ? fail_where::decide : fail_where::evolve};
    case 2:
    case 3: return touch{};
    default: break;
  }
  switch (random.below(3)) {
    case 0: return withdraw{.amount = amount};
    case 1: return transfer{.amount = amount, .fee = 1};
    default: return deposit{.amount = amount, .note = std::to_string(amount)};
  }
}

inline cairn::workload<account> accounts() {
  return {.command = next_account_command,
          .invariant = [](const account_state& now) -> std::optional<std::string> {
            if (now.balance > 100'000)
              return "the balance has wrapped around";
            return std::nullopt;
          }};
}

/// Members who want the same few addresses.
inline member::command next_member_command(cairn::random_source& random) {
  const auto address = "address-" + std::to_string(random.below(4));
  switch (random.below(5)) {
    case 0: return leave{};
    case 1: return greet{.times = static_cast<std::uint32_t>(random.below(3))};
    case 2: return join{.address = address, .town = "town"};
    default: return move{.address = address};
  }
}

/// Who holds which address, and how much money moved where: of events of two types of aggregate.
struct directory {
  static constexpr std::string_view name = "directory";
  static constexpr std::uint32_t version = 1;
  using event = std::variant<joined, moved, left, deposited>;

  static constexpr cairn::table<std::string, member_state> members{"members"};
  static constexpr cairn::table<std::uint64_t, holding, by_balance> deposits{"deposits"};
  static constexpr auto tables = std::tie(members, deposits);

  static void project(cairn::table_writer& to, const cairn::event_info& at, const joined& e) {
    to.put(members, at.aggregate_id, {.address = e.address, .town = e.town, .greetings = 0});
  }
  static void project(cairn::table_writer& to, const cairn::event_info& at, const moved& e) {
    to.update(members, at.aggregate_id, [&](member_state& row) { row.address = e.to; });
  }
  static void project(cairn::table_writer& to, const cairn::event_info& at, const left&) {
    to.erase(members, at.aggregate_id);
  }
  static void project(cairn::table_writer& to, const cairn::event_info& at, const deposited& e) {
    to.put(deposits, at.position.number(), {.balance = e.amount, .movements = 1});
  }
};

} // namespace test
