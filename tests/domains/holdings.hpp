#pragma once

#include "account.hpp"

#include <cairn/projection.hpp>

#include <cstdint>
#include <string_view>
#include <variant>

namespace test {

struct by_balance {
  static constexpr std::string_view name = "by-balance";
  static std::uint64_t key(const holding& row) { return row.balance; }
};

/// The handlers of a projection of all that moves money: `Projection::move(to, at, amount)`.
template <class Projection>
struct follows_money {
  using event = std::variant<deposited, withdrawn, fee_taken>;

  static void project(cairn::table_writer& to, const cairn::event_info& at, Deposited::Reader e) {
    Projection::move(to, at, e.getAmount());
  }
  static void project(cairn::table_writer& to, const cairn::event_info& at, const withdrawn& e) {
    Projection::move(to, at, 0 - e.amount);
  }
  static void project(cairn::table_writer& to, const cairn::event_info& at, const fee_taken& e) {
    Projection::move(to, at, 0 - e.amount);
  }
};

} // namespace test
