#include "import.hpp"
#include "literals.hpp"

#include "program.hpp"
#include "views.hpp"

#include <cairn/runtime.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

using namespace shop;

namespace {

struct imported {
  import_report report;
  std::vector<std::string> problems; // "line: reason"
};

/// Carts in memory, and files to import into them.
class fixture {
public:
  explicit fixture(cairn::runtime_options options = {.storage = cairn::in_memory{}},
                   cairn::aggregate_options carts = cart_options)
    : runtime_{cairn::runtime::open(std::move(options)).value()},
      carts_{runtime_.host<shopping_cart>(carts).value()} {}

  imported import(const std::string& content, std::uint64_t price = 0) {
    imported result;
    auto file = basket_file::open(files_.write("baskets.csv", content)).value();
    import_options options{.unit_price_cents = price};
    options.on_problem = [&](std::uint64_t line, const std::string& reason) {
      result.problems.push_back(std::to_string(line) + ": " + reason);
    };
    result.report = import_baskets(carts_, file, options).value();
    return result;
  }

  std::pair<cart_state, cairn::version> cart(const std::string& name) {
    return carts_
        .query(name,
               [](const cart_state& now, cairn::version version) {
                 return std::pair{now, version};
               })
        .get()
        .value();
  }

  cairn::runtime& runtime() { return runtime_; }
  const cairn::aggregates<shopping_cart>& carts() const { return carts_; }

private:
  test::scratch_directory files_;
  cairn::runtime runtime_;
  cairn::aggregates<shopping_cart> carts_;
};

std::string many_baskets(int count) {
  std::string content;
  for (int i = 0; i < count; ++i)
    content += "tea,milk " + std::to_string(i % 7) + ",bread,tea\n";
  return content;
}

} // namespace

TEST_CASE("each line becomes a cart that holds its items and is checked out") {
  fixture shop;
  const auto [report, problems] = shop.import("tea,milk,tea\nbread\n", 250);
  CHECK(problems.empty());
  CHECK_FALSE(report.failure);
  CHECK(report.totals.baskets == 2);
  CHECK(report.totals.items == 4);
  CHECK(report.totals.accepted == 6);
  const auto [first, version] = shop.cart("baskets-1");
  CHECK(version == 4_ver);
  CHECK(first
        == cart_state{
            .items = {{"tea", 2, 250}, {"milk", 1, 250}}, .total_cents = 750, .checked_out = true});
  CHECK(shop.cart("baskets-2").first.items.size() == 1);
}

TEST_CASE("importing again changes nothing, and says so") {
  fixture shop;
  const auto content = many_baskets(500);
  CHECK(shop.import(content).report.totals.accepted == 2500);
  const auto before = shop.runtime().journal().last_position();
  const auto again = shop.import(content).report.totals;
  CHECK(again.accepted == 0);
  CHECK(again.repeated == 2500);
  CHECK(again.rejected == 0);
  CHECK(again.baskets == 500);
  CHECK(shop.runtime().journal().last_position() == before);
}

TEST_CASE("an import goes on where an earlier one ended") {
  fixture shop;
  shop.import("tea,milk\n");
  const auto longer = shop.import("tea,milk\nbread,tea\n").report.totals;
  CHECK(longer.repeated == 3);
  CHECK(longer.accepted == 3);
}

TEST_CASE("a busy runtime slows the import and loses nothing") {
  fixture shop{{.storage = cairn::in_memory{}, .max_outstanding = 3}};
  const auto [report, problems] = shop.import(many_baskets(300));
  CHECK(problems.empty());
  CHECK_FALSE(report.failure);
  CHECK(report.totals.accepted == 1500);
  CHECK(shop.runtime().status().overloaded > 0);
  for (int i = 1; i <= 300; ++i) {
    const auto [cart, version] = shop.cart("baskets-" + std::to_string(i));
    CHECK(version == 5_ver);
    CHECK(cart.checked_out);
    CHECK(cart.items.front() == cart_line{"tea", 2, 0});
  }
}

TEST_CASE("a line that was edited after its import is refused, not mixed in") {
  fixture shop;
  shop.import("tea,milk\n");
  const auto [report, problems] = shop.import("tea,coffee\n");
  CHECK(report.totals.repeated == 1);
  CHECK(report.totals.rejected == 1);
  CHECK(problems == std::vector<std::string>{"1: adding coffee was rejected: already_checked_out"});
  CHECK(shop.cart("baskets-1").second == 3_ver);
}

TEST_CASE("a basket whose item is refused is not checked out without it") {
  fixture shop;
  const auto most = add_item{.sku = "tea", .quantity = 4'294'967'295};
  CHECK(shop.carts().ask("baskets-1", most).get().value().accepted());
  const auto [report, problems] = shop.import("milk,tea\nbread\n");
  CHECK(report.totals.accepted == 3);
  CHECK(report.totals.rejected == 1);
  CHECK(problems.size() == 1);
  CHECK_FALSE(shop.cart("baskets-1").first.checked_out);
  CHECK(shop.cart("baskets-2").first.checked_out);
}

TEST_CASE("malformed lines are reported, and the rest is imported") {
  fixture shop;
  const auto [report, problems] = shop.import("tea\n,\nmilk\n");
  CHECK(report.totals.malformed == 1);
  CHECK(report.totals.baskets == 2);
  CHECK(problems == std::vector<std::string>{"2: item 1 is malformed: it is empty"});
  CHECK(shop.cart("baskets-2").second == 0_ver);
  CHECK(shop.cart("baskets-3").first.checked_out);
}

TEST_CASE("a runtime that fails ends the import, which says why") {
  fixture shop;
  CHECK(shop.runtime().close());
  const auto [report, problems] = shop.import(many_baskets(10'000));
  REQUIRE(report.failure);
  CHECK(report.failure->code() == cairn::errc::shut_down);
  CHECK(report.totals.accepted == 0);
}

TEST_CASE("a file that carts cannot be named after is refused before anything is written") {
  fixture shop;
  const test::scratch_directory files;
  for (const auto& name : {std::string(240, 'x') + ".csv", std::string{"a\tb.csv"}}) {
    auto file = basket_file::open(files.write(name, "tea\n")).value();
    const auto report = import_baskets(shop.carts(), file, {});
    REQUIRE_FALSE(report);
    CHECK(report.error().code() == cairn::errc::invalid_argument);
    CHECK(report.error().message().find("carts cannot be named after") == 0);
  }
  CHECK(shop.runtime().journal().last_position() == 0_pos);
}

namespace {

/// The same view under another name, to be kept another way.
struct best_sellers_now : best_sellers {
  static constexpr std::string_view name = "best-sellers-now";
};

std::vector<std::pair<std::string, std::uint64_t>> ranked(const cairn::table_view& view) {
  std::vector<std::pair<std::string, std::uint64_t>> found;
  const auto add = [&](std::uint64_t, const std::string& sku, const sale& row) {
    found.emplace_back(sku, row.quantity);
  };
  REQUIRE(view.scan_by<by_rank>(best_sellers::sales, {}, add));
  return found;
}

} // namespace

TEST_CASE("the best sellers behind the log and those kept in the reply agree") {
  fixture shop;
  const auto behind = shop.runtime().project<best_sellers>().value();
  const auto now = shop.runtime()
                       .project<best_sellers_now>({.mode = cairn::projection_mode::before_reply})
                       .value();
  std::string baskets;
  for (int i = 0; i < 300; ++i)
    baskets += "tea,item " + std::to_string(i % 7) + ",item " + std::to_string(i % 3) + '\n';
  shop.import(baskets);
  const auto head = shop.runtime().journal().last_position();
  const auto seen_now = now.read().value();
  CHECK(seen_now.position() == head); // every reply is there, and so every row
  REQUIRE(behind.wait_for(head));
  CHECK(ranked(behind.read().value()) == ranked(seen_now));
  CHECK(ranked(seen_now).front() == std::pair{std::string{"tea"}, std::uint64_t{300}});
  CHECK(ranked(seen_now).size() == 8);
}
