#pragma once

#include <cairn/projection.hpp>

#include "holdings.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>

namespace numbers {

inline constexpr cairn::table<std::string, test::holding> holdings{"holdings"};

/// What every account has: a projection with a row for each stream.
struct holdings_of_all : test::follows_money<holdings_of_all> {
  static constexpr std::string_view name = "numbers";
  static constexpr std::uint32_t version = 1;
  static constexpr auto tables = std::tie(holdings);

  static void move(cairn::table_writer& to, const cairn::event_info& at, std::uint64_t amount) {
    to.update(holdings, std::string{at.aggregate_id}, [&](test::holding& row) {
      row.balance += amount;
      ++row.movements;
    });
  }
};

} // namespace numbers
