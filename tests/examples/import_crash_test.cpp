#include "program.hpp"

#include "cart.hpp"

#include <cairn/runtime.hpp>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using std::chrono::microseconds;

constexpr int baskets = 1500;

int kills() {
  const char* scale = std::getenv("CAIRN_TEST_SCALE");
  return scale != nullptr && std::string_view{scale} == "full" ? 60 : 10;
}

std::string random_baskets(std::mt19937_64& random) {
  std::string content;
  for (int i = 0; i < baskets; ++i) {
    const auto items = 1 + random() % 9;
    for (std::uint64_t j = 0; j < items; ++j)
      content += (j == 0 ? "item " : ",item ") + std::to_string(random() % 20);
    content += '\n';
  }
  return content;
}

/// The events of every cart, without when and where they were recorded.
std::vector<std::string> carts_in(const std::filesystem::path& data) {
  auto runtime = cairn::runtime::open({.directory = data}).value();
  const auto carts = runtime.host<shop::shopping_cart>(shop::cart_options).value();
  std::vector<std::string> found;
  for (int i = 1; i <= baskets; ++i) {
    std::ostringstream text;
    carts
        .history("b-" + std::to_string(i),
                 [&](const cairn::event_info& info, const shop::shopping_cart::event& event) {
                   text << info.version << ' ' << info.command_id << ' ';
                   std::visit([&](const auto& e) { text << e << '\n'; }, event);
                 })
        .value();
    found.push_back(text.str());
  }
  return found;
}

} // namespace

TEST_CASE("an import that is killed at any moment and repeated gives the same as one that is not") {
  const auto seed = std::random_device{}();
  MESSAGE("seed " << seed);
  std::mt19937_64 random{seed};
  const test::scratch_directory files;
  const auto file = files.write("b.csv", random_baskets(random));
  const auto arguments = [&](const char* data) {
    return std::vector<std::string>{"import", file.string(), "--json", "--data",
                                    (files / data).string()};
  };

  const auto begin = std::chrono::steady_clock::now();
  const auto once = test::run(SHOPPING_CART, arguments("once"));
  const auto whole =
      std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - begin);
  REQUIRE(once.status == 0);

  // Half the time at most: so that several are killed before one gets to the end.
  const auto most = whole.count() / 2;
  int killed = 0;
  for (int i = 0; i < kills(); ++i) {
    test::child import{SHOPPING_CART, arguments("killed")};
    const auto moment = std::uniform_int_distribution<microseconds::rep>{0, most}(random);
    if (!import.ends_within(microseconds{moment}))
      import.kill();
    const auto ended = import.wait();
    CAPTURE(ended.err);
    REQUIRE((ended.status == 0 || ended.status == 128 + SIGKILL));
    killed += ended.status == 0 ? 0 : 1;
  }
  MESSAGE("killed " << killed << " of " << kills() << " imports");

  const auto last = test::run(SHOPPING_CART, arguments("killed"));
  CAPTURE(last.err);
  REQUIRE(last.status == 0);
  const auto wanted = nlohmann::json::parse(once.out);
  const auto counted = nlohmann::json::parse(last.out);
  CHECK(counted["baskets"] == wanted["baskets"]);
  CHECK(counted["items"] == wanted["items"]);
  CHECK(counted["accepted"].get<int>() + counted["repeated"].get<int>() == wanted["accepted"]);
  CHECK(counted["rejected"] == 0);
  CHECK(carts_in(files / "killed") == carts_in(files / "once"));
}
