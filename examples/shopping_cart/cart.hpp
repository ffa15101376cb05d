#pragma once

#include <cairn/aggregate.hpp>

#include "cart.cairn.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace shop {

/// Different lines of one cart. With a bound the state stays small enough for a snapshot and a
/// search.
inline constexpr std::size_t max_cart_lines = 4095;
inline constexpr std::size_t max_sku_bytes = 255;

/// Why `sku` cannot be one, or nothing: a SKU is 1 to 255 bytes of UTF-8 without control
/// characters.
std::optional<std::string> sku_problem(std::string_view sku);

/// A shopping cart: items are added and removed until it is checked out; from then on it stays as
/// it is.
///
/// The same SKU at the same price adds up in one line. At another price it is a line of its own,
/// because what was promised to the customer when the item went into the cart still holds.
///
/// Rejections: `already_checked_out`, `empty_cart`, `not_in_cart`, `not_enough_in_cart`,
/// `invalid_sku`, `invalid_quantity`, `quantity_too_large`, `total_too_large`, `cart_full`.
struct shopping_cart {
  static constexpr std::string_view type_name = "shopping-cart";
  using state = cart_state;
  using command = std::variant<add_item, remove_item, check_out>;
  using event = std::variant<item_added, item_removed, checked_out>;

  static cairn::decision<event> decide(const state& cart, const add_item& c);
  static cairn::decision<event> decide(const state& cart, const remove_item& c);
  static cairn::decision<event> decide(const state& cart, const check_out& c);

  static void evolve(state& cart, ItemAdded::Reader e); // read in place: most events are these
  static void evolve(state& cart, const item_removed& e);
  static void evolve(state& cart, const checked_out& e);
};

/// How carts are kept. Each cart remembers its last 4,096 commands: those of the longest basket
/// that can be imported, with its check-out, so an import can be repeated from any point.
inline constexpr cairn::aggregate_options cart_options{.deduplication_window = max_cart_lines + 1};

} // namespace shop
