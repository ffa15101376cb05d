#pragma once

#include "account.hpp"
#include "member.hpp"

#include <cairn/simulation.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <tuple>

namespace test {

struct by_balance {
  static constexpr std::string_view name = "by-balance";
  static std::uint64_t key(const holding& row) { return row.balance; }
};

/// The balances of all accounts.
struct holdings {
  static constexpr std::string_view name = "holdings";
  static constexpr std::uint32_t version = 1;
  using event = std::variant<deposited, withdrawn, fee_taken>;

  static constexpr cairn::table<std::string, holding, by_balance> balances{"balances"};
  static constexpr auto tables = std::tie(balances);

  static void project(cairn::table_writer& to, const cairn::event_info& at, Deposited::Reader e) {
    move(to, at, e.getAmount());
  }
  static void project(cairn::table_writer& to, const cairn::event_info& at, const withdrawn& e) {
    move(to, at, 0 - e.amount);
  }
  static void project(cairn::table_writer& to, const cairn::event_info& at, const fee_taken& e) {
    move(to, at, 0 - e.amount);
  }

private:
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

} // namespace test
