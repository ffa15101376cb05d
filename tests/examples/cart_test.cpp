#include "cart.hpp"

#include <cairn/testing.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>

using namespace shop;
using scenario = cairn::testing::scenario<shopping_cart>;

namespace {

constexpr auto most = std::numeric_limits<std::uint32_t>::max();
constexpr auto most_cents = std::numeric_limits<std::uint64_t>::max();

item_added added(std::string sku, std::uint32_t quantity, std::uint64_t cents = 0) {
  return {.sku = std::move(sku), .quantity = quantity, .unit_price_cents = cents};
}

add_item add(std::string sku, std::uint32_t quantity = 1, std::uint64_t cents = 0) {
  return {.sku = std::move(sku), .quantity = quantity, .unit_price_cents = cents};
}

item_removed removed(std::string sku, std::uint32_t quantity, std::uint64_t cents = 0) {
  return {.sku = std::move(sku), .quantity = quantity, .unit_price_cents = cents};
}

} // namespace

TEST_CASE("an item that is added stands in the cart") {
  scenario{}
      .when(add("tea", 2, 350))
      .then(added("tea", 2, 350))
      .then_state({.items = {{"tea", 2, 350}}, .total_cents = 700, .checked_out = false});
}

TEST_CASE("an item added again at the same price adds up in one line") {
  scenario{}
      .given(added("tea", 1, 350), added("milk", 1, 99))
      .when(add("tea", 2, 350))
      .then_state({.items = {{"tea", 3, 350}, {"milk", 1, 99}}, .total_cents = 1149});
}

TEST_CASE("an item added again at another price is a line of its own") {
  scenario{}
      .given(added("tea", 1, 350))
      .when(add("tea", 1, 300))
      .then_state({.items = {{"tea", 1, 350}, {"tea", 1, 300}}, .total_cents = 650});
}

TEST_CASE("what is no SKU is not added") {
  for (const std::string sku : {"", "a\nb", "\x7f", "\xff"})
    scenario{}.when(add(sku)).then_rejected("invalid_sku");
  scenario{}
      .when(add(std::string(max_sku_bytes, 'x')))
      .then(added(std::string(max_sku_bytes, 'x'), 1));
  scenario{}.when(add(std::string(max_sku_bytes + 1, 'x'))).then_rejected("invalid_sku");
}

TEST_CASE("adding none of an item is refused") {
  scenario{}.when(add("tea", 0)).then_rejected("invalid_quantity");
}

TEST_CASE("a quantity never wraps around") {
  auto nearly = scenario{};
  nearly.given(added("tea", most - 1));
  nearly.when(add("tea", 1)).then_state({.items = {{"tea", most, 0}}});
  nearly.when(add("tea", 2)).then_rejected("quantity_too_large");
}

TEST_CASE("a total never wraps around") {
  scenario{}.when(add("tea", 2, most_cents)).then_rejected("total_too_large");
  auto nearly = scenario{};
  nearly.given(added("tea", 1, most_cents - 5));
  nearly.when(add("milk", 1, 6)).then_rejected("total_too_large");
  nearly.when(add("milk", 1, 5)).then(added("milk", 1, 5));
}

TEST_CASE("a cart has a bound of lines, and a full one still takes more of what is in it") {
  // Built as a state, because a scenario sends every state through its serialised form.
  cart_state full;
  for (std::size_t i = 0; i < max_cart_lines; ++i)
    full.items.push_back({std::to_string(i), 1, 0});
  CHECK(shopping_cart::decide(full, add("another")).rejected());
  CHECK(shopping_cart::decide(full, add("another")).rejection().code == "cart_full");
  CHECK_FALSE(shopping_cart::decide(full, add("7")).rejected());
}

TEST_CASE("removing an item without a quantity removes all of it") {
  scenario{}
      .given(added("tea", 3, 350), added("milk", 1, 99))
      .when(remove_item{.sku = "tea"})
      .then(removed("tea", 3, 350))
      .then_state({.items = {{"milk", 1, 99}}, .total_cents = 99});
}

TEST_CASE("some of an item can be removed") {
  scenario{}
      .given(added("tea", 3, 350))
      .when(remove_item{.sku = "tea", .quantity = 1})
      .then_state({.items = {{"tea", 2, 350}}, .total_cents = 700});
}

TEST_CASE("an item at two prices leaves from the line that came in last, in one step") {
  scenario{}
      .given(added("tea", 2, 350), added("milk", 1, 99), added("tea", 2, 300))
      .when(remove_item{.sku = "tea", .quantity = 3})
      .then(removed("tea", 2, 300), removed("tea", 1, 350))
      .then_state({.items = {{"tea", 1, 350}, {"milk", 1, 99}}, .total_cents = 449});
}

TEST_CASE("what is not in the cart cannot be removed") {
  scenario{}.when(remove_item{.sku = "tea"}).then_rejected("not_in_cart");
  scenario{}
      .given(added("tea", 1), removed("tea", 1))
      .when(remove_item{.sku = "tea"})
      .then_rejected("not_in_cart");
  scenario{}
      .given(added("tea", 2))
      .when(remove_item{.sku = "tea", .quantity = 3})
      .then_rejected("not_enough_in_cart");
}

TEST_CASE("a check-out records the total") {
  scenario{}
      .given(added("tea", 2, 350), added("milk", 1, 99))
      .when(check_out{})
      .then(checked_out{.total_cents = 799})
      .then_state(
          {.items = {{"tea", 2, 350}, {"milk", 1, 99}}, .total_cents = 799, .checked_out = true});
}

TEST_CASE("an empty cart cannot be checked out") {
  scenario{}.when(check_out{}).then_rejected("empty_cart");
  scenario{}
      .given(added("tea", 1), removed("tea", 1))
      .when(check_out{})
      .then_rejected("empty_cart");
}

TEST_CASE("a cart that is checked out takes no more changes") {
  auto closed = scenario{};
  closed.given(added("tea", 1), checked_out{});
  closed.when(add("milk")).then_rejected("already_checked_out");
  closed.when(remove_item{.sku = "tea"}).then_rejected("already_checked_out");
  closed.when(check_out{}).then_rejected("already_checked_out");
}
