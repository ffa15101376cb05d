#include "program.hpp"

#include "basket_file.hpp"
#include "cart.hpp"

#include <cairn/runtime.hpp>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace {

using counts = std::map<std::string, std::uint64_t>;

counts counts_of(const shop::basket& of) {
  counts found;
  for (const auto& item : of.items)
    ++found[item];
  return found;
}

counts counts_of(const shop::cart_state& cart) {
  counts found;
  for (const auto& line : cart.items)
    found[line.sku] += line.quantity;
  return found;
}

std::vector<shop::basket> baskets_of(const std::filesystem::path& path) {
  std::vector<shop::basket> found;
  auto file = shop::basket_file::open(path).value();
  for (auto line = file.next().value(); line; line = file.next().value())
    found.push_back(std::get<shop::basket>(std::move(*line)));
  return found;
}

nlohmann::json import(const std::filesystem::path& data) {
  const auto ended =
      test::run(SHOPPING_CART, {"import", GROCERIES, "--json", "--data", data.string()});
  CAPTURE(ended.err);
  REQUIRE(ended.status == 0);
  return nlohmann::json::parse(ended.out);
}

} // namespace

// The totals are those that the data set's authors publish: Hahsler, Hornik and Reutterer 2006.
TEST_CASE("a month of a grocery outlet's baskets is imported as it was") {
  if (!std::filesystem::exists(GROCERIES)) {
    MESSAGE("skipped: there is no " GROCERIES);
    std::fflush(nullptr);
    std::_Exit(77);
  }
  const test::scratch_directory files;
  const auto first = import(files / "data");
  CHECK(first["baskets"] == 9835);
  CHECK(first["items"] == 43367);
  CHECK(first["accepted"] == 9835 + 43367);
  const auto again = import(files / "data");
  CHECK(again["accepted"] == 0);
  CHECK(again["repeated"] == 9835 + 43367);

  const auto top =
      test::run(SHOPPING_CART, {"top", "5", "--json", "--data", (files / "data").string()});
  CHECK(nlohmann::json::parse(top.out) == nlohmann::json::parse(R"([
          {"sku":"whole milk","quantity":2513},{"sku":"other vegetables","quantity":1903},
          {"sku":"rolls/buns","quantity":1809},{"sku":"soda","quantity":1715},
          {"sku":"yogurt","quantity":1372}])"));
  const auto count = test::run(SHOPPING_CART, {"carts", "--state", "checked-out", "--count",
                                               "--data", (files / "data").string()});
  CHECK(count.out == "9835\n");

  auto runtime = cairn::runtime::open({.storage = cairn::lmdb{files / "data"}}).value();
  const auto carts = runtime.host<shop::shopping_cart>(shop::cart_options).value();
  counts sold;
  std::uint64_t most = 0;
  for (const auto& basket : baskets_of(GROCERIES)) {
    const auto name = "groceries-" + std::to_string(basket.line);
    const auto cart = carts.query(name, [](const shop::cart_state& now) { return now; }).get();
    REQUIRE(cart);
    const auto held = counts_of(*cart);
    REQUIRE(cart->checked_out);
    REQUIRE(held == counts_of(basket));
    for (const auto& [item, quantity] : held)
      sold[item] += quantity;
    most = std::max<std::uint64_t>(most, basket.items.size());
  }
  CHECK(sold.size() == 169);
  CHECK(most == 32);
  CHECK(sold["whole milk"] == 2513);
  CHECK(sold["other vegetables"] == 1903);
  CHECK(sold["rolls/buns"] == 1809);
  CHECK(sold["soda"] == 1715);
  CHECK(sold["yogurt"] == 1372);
}
