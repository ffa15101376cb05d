#include "cart.hpp"

#include <cairn/ids.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace shop {
namespace {

using decision = cairn::decision<shopping_cart::event>;

/// The line of this SKU at this price, or the end.
template <class Lines>
auto find_line(Lines& lines, std::string_view sku, std::uint64_t unit_price_cents) {
  return std::find_if(lines.begin(), lines.end(), [&](const cart_line& line) {
    return line.unit_price_cents == unit_price_cents && line.sku == sku;
  });
}

/// What the cart would cost with `c` in it, unless that is more than 64 bits hold.
std::optional<std::uint64_t> total_with(const cart_state& cart, const add_item& c) {
  std::uint64_t price = 0;
  std::uint64_t total = 0;
  if (__builtin_mul_overflow(c.unit_price_cents, std::uint64_t{c.quantity}, &price)
      || __builtin_add_overflow(cart.total_cents, price, &total))
    return std::nullopt;
  return total;
}

/// Takes `wanted` of a SKU out of the cart, from the line that came in last first: one event for
/// each line that it touches.
std::vector<shopping_cart::event> take_out(const cart_state& cart, const std::string& sku,
                                           std::uint64_t wanted) {
  std::vector<shopping_cart::event> events;
  for (auto line = cart.items.rbegin(); line != cart.items.rend() && wanted > 0; ++line) {
    if (line->sku != sku)
      continue;
    const auto taken = static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, line->quantity));
    events.emplace_back(
        item_removed{.sku = sku, .quantity = taken, .unit_price_cents = line->unit_price_cents});
    wanted -= taken;
  }
  return events;
}

} // namespace

std::optional<std::string> sku_problem(std::string_view sku) {
  if (sku.empty())
    return "it is empty";
  if (sku.size() > max_sku_bytes)
    return "it has " + std::to_string(sku.size()) + " bytes; the limit is "
           + std::to_string(max_sku_bytes);
  if (!cairn::stream_id::make("sku", sku)) // the same rule as that of the names of aggregates
    return "it holds a control character or a byte that is not UTF-8";
  return std::nullopt;
}

decision shopping_cart::decide(const state& cart, const add_item& c) {
  if (cart.checked_out)
    return cairn::reject("already_checked_out");
  if (const auto problem = sku_problem(c.sku))
    return cairn::reject("invalid_sku", *problem);
  if (c.quantity == 0)
    return cairn::reject("invalid_quantity", "nothing to add");
  if (!total_with(cart, c))
    return cairn::reject("total_too_large");

  const auto line = find_line(cart.items, c.sku, c.unit_price_cents);
  if (line == cart.items.end()) {
    if (cart.items.size() == max_cart_lines)
      return cairn::reject("cart_full",
                           "the limit is " + std::to_string(max_cart_lines) + " lines");
  } else if (c.quantity > std::numeric_limits<std::uint32_t>::max() - line->quantity) {
    return cairn::reject("quantity_too_large",
                         "the cart already holds " + std::to_string(line->quantity));
  }
  return item_added{.sku = c.sku, .quantity = c.quantity, .unit_price_cents = c.unit_price_cents};
}

decision shopping_cart::decide(const state& cart, const remove_item& c) {
  if (cart.checked_out)
    return cairn::reject("already_checked_out");
  std::uint64_t held = 0;
  for (const auto& line : cart.items)
    held += line.sku == c.sku ? line.quantity : 0;
  if (held == 0)
    return cairn::reject("not_in_cart");
  if (c.quantity > held)
    return cairn::reject("not_enough_in_cart", "the cart holds " + std::to_string(held));
  return take_out(cart, c.sku, c.quantity == 0 ? held : c.quantity);
}

decision shopping_cart::decide(const state& cart, const check_out&) {
  if (cart.checked_out)
    return cairn::reject("already_checked_out");
  if (cart.items.empty())
    return cairn::reject("empty_cart");
  return checked_out{.total_cents = cart.total_cents};
}

void shopping_cart::evolve(state& cart, ItemAdded::Reader e) {
  const std::string_view sku{e.getSku().cStr(), e.getSku().size()};
  const auto line = find_line(cart.items, sku, e.getUnitPriceCents());
  if (line == cart.items.end())
    cart.items.push_back({std::string{sku}, e.getQuantity(), e.getUnitPriceCents()});
  else
    line->quantity += e.getQuantity();
  cart.total_cents += e.getUnitPriceCents() * e.getQuantity();
}

void shopping_cart::evolve(state& cart, const item_removed& e) {
  const auto line = find_line(cart.items, e.sku, e.unit_price_cents);
  if (line == cart.items.end())
    return; // decide lets nothing out that is not in
  line->quantity -= e.quantity;
  cart.total_cents -= e.unit_price_cents * e.quantity;
  if (line->quantity == 0)
    cart.items.erase(line);
}

void shopping_cart::evolve(state& cart, const checked_out&) {
  cart.checked_out = true;
}

} // namespace shop
