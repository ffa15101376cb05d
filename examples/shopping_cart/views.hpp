#pragma once

#include <cairn/projection.hpp>

#include "cart.cairn.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <tuple>
#include <variant>

/// What is looked up across carts: tables that follow from the events of all of them.
namespace shop {

/// Orders SKUs by quantity, the greatest first; equal ones by name.
struct by_rank {
  static constexpr std::string_view name = "by-rank";
  static std::uint64_t key(const sale& row) {
    return std::numeric_limits<std::uint64_t>::max() - row.quantity;
  }
};

/// How often each SKU was put into a cart, less what was taken out again.
struct best_sellers {
  static constexpr std::string_view name = "best-sellers";
  static constexpr std::uint32_t version = 1;
  using event = std::variant<item_added, item_removed>;

  static constexpr cairn::table<std::string, sale, by_rank> sales{"sales"};
  static constexpr auto tables = std::tie(sales);

  static void project(cairn::table_writer& to, const cairn::event_info&, const item_added& e);
  static void project(cairn::table_writer& to, const cairn::event_info&, const item_removed& e);
};

struct by_state {
  static constexpr std::string_view name = "by-state";
  static bool key(const cart_summary& row) { return row.checked_out; }
};

/// Which carts are open, and which are checked out.
struct cart_list {
  static constexpr std::string_view name = "carts";
  static constexpr std::uint32_t version = 1;
  using event = std::variant<item_added, checked_out>;

  static constexpr cairn::table<std::string, cart_summary, by_state> carts{"carts"};
  static constexpr auto tables = std::tie(carts);

  static void project(cairn::table_writer& to, const cairn::event_info& at, ItemAdded::Reader);
  static void project(cairn::table_writer& to, const cairn::event_info& at, const checked_out&);
};

} // namespace shop
