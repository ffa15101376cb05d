#include "program.hpp"

#include "cart.hpp"
#include "scale.hpp"

#include <cairn/runtime.hpp>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace {

using std::chrono::microseconds;

constexpr int baskets = 400;
constexpr int kills_a_journal = 10;

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
  auto runtime = cairn::runtime::open({.storage = cairn::lmdb{data}}).value();
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

/// Between now and `most` from now.
microseconds moment_before(microseconds most, std::mt19937_64& random) {
  return microseconds{std::uniform_int_distribution<microseconds::rep>{0, most.count()}(random)};
}

/// Runs the program and kills it after `moment` if it has not ended. Nothing: it was killed.
std::optional<test::outcome> run_or_kill(const std::vector<std::string>& arguments,
                                         microseconds moment) {
  test::child program{SHOPPING_CART, arguments};
  if (!program.ends_within(moment))
    program.kill();
  const auto ended = program.wait();
  CAPTURE(ended.err);
  REQUIRE((ended.status == 0 || ended.status == 128 + SIGKILL));
  return ended.status == 0 ? std::optional{ended} : std::nullopt;
}

/// How long one run takes that nobody kills.
microseconds duration_of(const std::vector<std::string>& arguments, test::outcome& ended) {
  const auto begin = std::chrono::steady_clock::now();
  ended = test::run(SHOPPING_CART, arguments);
  REQUIRE(ended.status == 0);
  return std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - begin);
}

} // namespace

TEST_CASE("an import that is killed at any moment and repeated gives the same as one that is not") {
  const auto seed = test::fresh_seed();
  MESSAGE("seed " << seed);
  std::mt19937_64 random{seed};
  const test::scratch_directory files;
  const auto file = files.write("b.csv", random_baskets(random));
  const auto arguments = [&](const std::string& data) {
    return std::vector<std::string>{"import", file.string(), "--json", "--data",
                                    (files / data).string()};
  };
  test::outcome once;
  const auto whole = duration_of(arguments("once"), once);
  const auto wanted = nlohmann::json::parse(once.out);
  const auto carts = carts_in(files / "once");

  const auto runs = static_cast<int>(test::scaled(10, 500));
  int killed = 0;
  for (int run = 0; run < runs; run += kills_a_journal) {
    const auto data = "killed-" + std::to_string(run);
    // Half the time at most: so that several are killed before one gets to the end.
    for (int i = 0; i < kills_a_journal; ++i)
      killed += run_or_kill(arguments(data), moment_before(whole / 2, random)) ? 0 : 1;
    const auto last = test::run(SHOPPING_CART, arguments(data));
    CAPTURE(last.err);
    REQUIRE(last.status == 0);
    const auto counted = nlohmann::json::parse(last.out);
    CHECK(counted["baskets"] == wanted["baskets"]);
    CHECK(counted["items"] == wanted["items"]);
    CHECK(counted["accepted"].get<int>() + counted["repeated"].get<int>() == wanted["accepted"]);
    CHECK(counted["rejected"] == 0);
    CHECK(carts_in(files / data) == carts);
    std::filesystem::remove_all(files / data);
  }
  MESSAGE("killed " << killed << " of " << runs << " imports");
  CHECK(killed > 0);
}

TEST_CASE("a command whose process is killed at any moment and that is sent again, with its id, "
          "until it is acknowledged has its effect once") {
  const auto seed = test::fresh_seed();
  MESSAGE("seed " << seed);
  std::mt19937_64 random{seed};
  const test::scratch_directory files;
  const auto add = [&](const std::string& cart, std::uint64_t command) {
    return std::vector<std::string>{"add",
                                    cart,
                                    "tea",
                                    "--command-id",
                                    "command-" + std::to_string(command),
                                    "--data",
                                    (files / "data").string()};
  };
  test::outcome first;
  const auto whole = duration_of(add("warm-up", 0), first);

  const auto kills = static_cast<int>(test::scaled(15, 500));
  constexpr int carts = 4;
  std::array<std::uint64_t, carts> acknowledged{}; // the parent knows, whoever died
  int killed = 0;
  for (std::uint64_t command = 1; killed < kills; ++command) {
    const auto which = command % carts;
    const auto arguments = add("cart-" + std::to_string(which), command);
    // More time with each attempt: else none would get through on a machine that is busy now.
    for (int attempt = 1; !run_or_kill(arguments, moment_before(attempt * whole, random));
         ++attempt)
      ++killed;
    ++acknowledged[which];
  }
  auto runtime = cairn::runtime::open({.storage = cairn::lmdb{files / "data"}}).value();
  const auto all = runtime.host<shop::shopping_cart>(shop::cart_options).value();
  std::uint64_t sum = 0;
  for (int i = 0; i < carts; ++i) {
    const auto events =
        all.history("cart-" + std::to_string(i), [](const auto&, const auto&) {}).value().number();
    CHECK(events == acknowledged[i]);
    sum += events;
  }
  MESSAGE("killed " << killed << " times, " << sum << " commands acknowledged and there once");
}
