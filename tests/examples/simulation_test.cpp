#include "cart.hpp"
#include "views.hpp"

#include <cairn/simulation.hpp>

#include "scale.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>

using namespace shop;

namespace {

/// A few customers who take the same things, and change their minds.
shopping_cart::command next_command(cairn::random_source& random) {
  const auto sku = "sku-" + std::to_string(random.below(5));
  if (random.chance(0.05))
    return check_out{};
  if (random.chance(0.3))
    return remove_item{.sku = sku};
  return add_item{.sku = sku,
                  .quantity = static_cast<std::uint32_t>(random.between(1, 3)),
                  .unit_price_cents = 100};
}

std::optional<std::string> wrong_with(const cart_state& cart) {
  std::uint64_t total = 0;
  for (const auto& line : cart.items)
    total += line.quantity * line.unit_price_cents;
  if (total != cart.total_cents)
    return "the lines cost " + std::to_string(total) + ", the total is "
           + std::to_string(cart.total_cents);
  return std::nullopt;
}

} // namespace

TEST_CASE("carts, sellers and lists survive whatever the store does") {
  const auto report = cairn::simulate<shopping_cart, best_sellers, cart_list>(
      {.seed = test::fresh_seed() >> 8, .runs = test::scaled(300, 10'000)},
      {.command = next_command, .invariant = wrong_with});
  MESSAGE(report);
  CHECK(report.passed());
}
