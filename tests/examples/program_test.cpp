#include "program.hpp"

#include "cart.hpp"
#include "literals.hpp"

#include <cairn/runtime.hpp>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

using json = nlohmann::json;

namespace {

/// The program and a data directory.
class program {
public:
  /// Runs it and checks its exit status.
  test::outcome run(int expected, std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--data", (files / "data").string()});
    auto ended = test::run(SHOPPING_CART, arguments);
    CAPTURE(arguments);
    CAPTURE(ended.out);
    CAPTURE(ended.err);
    CHECK(ended.status == expected);
    CHECK((ended.err.empty() || expected != 0));
    CHECK((!ended.err.empty() || expected == 0));
    return ended;
  }

  /// Runs it with --json, checks that it succeeds and returns what it prints.
  json read(std::vector<std::string> arguments) const {
    arguments.emplace_back("--json");
    return json::parse(run(0, std::move(arguments)).out);
  }

  const test::scratch_directory files;
};

/// Whether `text` has this form: 0 stands for any digit, h for any hexadecimal one, every other
/// character for itself.
bool has_form(const std::string& text, std::string_view form) {
  const auto fits = [](char c, char wanted) {
    const auto byte = static_cast<unsigned char>(c);
    if (wanted == '0')
      return std::isdigit(byte) != 0;
    return wanted == 'h' ? std::isxdigit(byte) != 0 : c == wanted;
  };
  return std::equal(text.begin(), text.end(), form.begin(), form.end(), fits);
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("a cart is filled, emptied, checked out and shown") {
  const program shop;
  shop.run(0, {"add", "c", "tea", "--quantity", "2", "--price", "350"});
  shop.run(0, {"add", "c", "whole milk", "--price=99"});
  shop.run(0, {"remove", "c", "tea", "--quantity", "1"});
  CHECK(shop.read({"show", "c"}) == json::parse(R"({"cart":"c","version":3,"state":"open","items":[
          {"sku":"tea","quantity":1,"unitPriceCents":350},
          {"sku":"whole milk","quantity":1,"unitPriceCents":99}]})"));
  shop.run(0, {"checkout", "c"});
  const auto text = shop.run(0, {"show", "c"}).out;
  CHECK(text
        == "c: checked out, version 4\n"
           "     1 x tea at 3.50\n"
           "     1 x whole milk at 0.99\n"
           " total 4.49\n");
  CHECK(shop.run(0, {"show", "c", "--json"}).out
        == R"({"cart":"c","version":4,"state":"checked-out","items":[)"
           R"({"sku":"tea","quantity":1,"unitPriceCents":350},)"
           R"({"sku":"whole milk","quantity":1,"unitPriceCents":99}]})"
           "\n");
}

TEST_CASE("a cart is shown as it was at any of its versions") {
  const program shop;
  shop.run(0, {"add", "c", "tea"});
  shop.run(0, {"remove", "c", "tea"});
  shop.run(0, {"add", "c", "milk"});
  shop.run(0, {"checkout", "c"});
  CHECK(shop.read({"show", "c", "--at", "0"})["items"].empty());
  CHECK(shop.read({"show", "c", "--at", "1"})["items"][0]["sku"] == "tea");
  CHECK(shop.read({"show", "c", "--at", "2"})["items"].empty());
  CHECK(shop.read({"show", "c", "--at", "3"})["state"] == "open");
  CHECK(shop.read({"show", "c", "--at", "3"})["version"] == 3);
  CHECK(shop.read({"show", "c", "--at", "4"})["state"] == "checked-out");
  CHECK(contains(shop.run(1, {"show", "c", "--at", "5"}).err, "it is at 4"));
}

TEST_CASE("the history of a cart tells each event, when, and by which command") {
  const program shop;
  shop.run(0, {"add", "c", "tea", "--quantity", "3", "--price", "350"});
  shop.run(0, {"remove", "c", "tea", "--quantity", "1", "--command-id",
               "0190a5b0-1111-7222-8333-444455556666"});
  shop.run(0, {"checkout", "c"});
  auto events = shop.read({"history", "c"});
  REQUIRE(events.size() == 3);
  for (std::size_t i = 0; i < events.size(); ++i) {
    CHECK(events[i]["version"] == i + 1);
    CHECK(events[i]["position"] == i + 1);
    CHECK(has_form(events[i]["recordedAt"], "0000-00-00T00:00:00.000000000Z"));
    CHECK(has_form(events[i]["commandId"], "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh"));
    CHECK(events[i].size() == 6);
  }
  CHECK(events[0]["type"] == "ItemAdded");
  CHECK(events[0]["fields"] == json{{"sku", "tea"}, {"quantity", 3}, {"unitPriceCents", 350}});
  CHECK(events[1]["type"] == "ItemRemoved");
  CHECK(events[1]["fields"] == json{{"sku", "tea"}, {"quantity", 1}, {"unitPriceCents", 350}});
  CHECK(events[1]["commandId"] == "0190a5b0-1111-7222-8333-444455556666");
  CHECK(events[2]["type"] == "CheckedOut");
  CHECK(events[2]["fields"] == json{{"totalCents", 700}});

  const auto text = shop.run(0, {"history", "c"}).out;
  CHECK(has_form(text.substr(0, 34), "     0  0000-00-00T00:00:00.000Z  "));
  CHECK(text.substr(34).starts_with("added 3 x tea at 3.50\n"));
  CHECK(contains(text, "checked out for 7.00\n"));
}

TEST_CASE("what the cart refuses ends with status 1 and the reason") {
  const program shop;
  CHECK(contains(shop.run(1, {"checkout", "c"}).err, "empty_cart"));
  CHECK(contains(shop.run(1, {"remove", "c", "tea"}).err, "not_in_cart"));
  shop.run(0, {"add", "c", "tea", "--quantity", "4294967295"});
  CHECK(contains(shop.run(1, {"add", "c", "tea"}).err, "quantity_too_large"));
  shop.run(0, {"checkout", "c"});
  const auto refused = shop.run(1, {"add", "c", "milk"});
  CHECK(contains(refused.err, "already_checked_out"));
  CHECK(refused.out.empty());
  CHECK(shop.read({"show", "c"})["version"] == 2);
}

TEST_CASE("a cart that does not exist is not shown, and nothing is created by looking") {
  const program shop;
  for (const auto* view : {"show", "history"})
    CHECK(contains(shop.run(1, {view, "c", "--json"}).err, "there is no"));
  CHECK_FALSE(std::filesystem::exists(shop.files / "data"));
  shop.run(0, {"add", "c", "tea"});
  for (const auto* view : {"show", "history"}) {
    const auto missing = shop.run(1, {view, "d"});
    CHECK(contains(missing.err, "there is no cart d"));
    CHECK(missing.out.empty());
  }
}

TEST_CASE("--expect admits only the version that it names") {
  const program shop;
  shop.run(0, {"add", "c", "tea", "--expect", "0"});
  const auto conflict = shop.run(1, {"add", "c", "tea", "--expect", "7"});
  CHECK(contains(conflict.err, "version 1"));
  CHECK(contains(conflict.err, "7"));
  CHECK(contains(shop.run(1, {"checkout", "c", "--expect", "0"}).err, "version 1"));
  CHECK(shop.read({"checkout", "--expect", "1", "c"})["version"] == 2);
}

TEST_CASE("a command sent again by another process with the same id has its effect once") {
  const program shop;
  const auto first = shop.read({"add", "c", "tea", "--command-id", "order 1"});
  CHECK(first == json{{"cart", "c"}, {"version", 1}, {"position", 1}, {"repeated", false}});
  shop.run(0, {"add", "c", "milk"});
  const auto again = shop.read({"add", "c", "tea", "--command-id", "order 1"});
  CHECK(again == json{{"cart", "c"}, {"version", 1}, {"position", 1}, {"repeated", true}});
  CHECK(contains(shop.run(0, {"add", "c", "tea", "--command-id", "order 1"}).out, "before"));
  CHECK(shop.read({"add", "c", "tea", "--command-id", "order 2"})["version"] == 3);
  CHECK(shop.read({"show", "c"})["items"][0]["quantity"] == 2);
}

TEST_CASE("bad usage ends with status 2 and says what is wrong") {
  const program shop;
  const std::string long_name(256, 'x');
  const std::vector<std::vector<std::string>> bad{
      {},
      {"frobnicate"},
      {"add"},
      {"add", "c"},
      {"add", "c", "tea", "surplus"},
      {"add", "c", "tea", "--frobnicate"},
      {"add", "c", "tea", "--quantity", "0"},
      {"add", "c", "tea", "--quantity", "-1"},
      {"add", "c", "tea", "--quantity", "4294967296"},
      {"add", "c", "tea", "--quantity", "many"},
      {"add", "c", "tea", "--quantity", "1.5"},
      {"add", "c", "tea", "--price", "-1"},
      {"add", "c", "tea", "--price", "18446744073709551616"},
      {"add", "c", "tea", "--expect", "x"},
      {"add", "c", ""},
      {"add", "c", "a\nb"},
      {"add", "c", long_name},
      {"add", "", "tea"},
      {"add", "a\x01", "tea"},
      {"add", long_name, "tea"},
      {"show", "c", "--at", "first"},
      {"show"},
      {"history", "c", "d"},
      {"import"},
      {"import", "no-such-file.csv"},
      {"import", "/"},
  };
  for (const auto& arguments : bad)
    CHECK(shop.run(2, arguments).out.empty());
}

TEST_CASE("numbers are decimal, whatever they begin with") {
  const program shop;
  shop.run(0, {"add", "c", "tea", "--price", "0100"});
  CHECK(shop.read({"show", "c"})["items"][0]["unitPriceCents"] == 100);
  shop.run(2, {"add", "c", "tea", "--price", "0x10"});
}

TEST_CASE("options are taken in front of the command, and before and after its arguments") {
  const test::scratch_directory files;
  const auto data = (files / "data").string();
  CHECK(test::run(SHOPPING_CART, {"--data", data, "add", "--quantity", "2", "c", "tea"}).status
        == 0);
  CHECK(test::run(SHOPPING_CART, {"add", "--data", data, "c", "--price", "5", "tea"}).status == 0);
  const auto shown = test::run(SHOPPING_CART, {"--json", "--data", data, "show", "c"});
  CHECK(json::parse(shown.out)["version"] == 2);
}

TEST_CASE("a data directory without a name is bad usage: nothing would be kept") {
  const std::vector<std::string> ways[] = {{"add", "c", "tea", "--data", ""},
                                           {"--data", "", "add", "c", "tea"},
                                           {"show", "c", "--data="}};
  for (const auto& arguments : ways) {
    const auto ended = test::run(SHOPPING_CART, arguments);
    CHECK(ended.status == 2);
    CHECK(ended.out.empty());
    CHECK(contains(ended.err, "--data"));
  }
}

TEST_CASE("help is given for the program and for each command") {
  CHECK(contains(test::run(SHOPPING_CART, {"--help"}).out, "Exit status: 0 done"));
  for (const auto* command : {"import", "add", "remove", "checkout", "show", "history"}) {
    const auto help = test::run(SHOPPING_CART, {command, "--help"});
    CHECK(help.status == 0);
    CHECK(contains(help.out, "--data"));
  }
}

TEST_CASE("a journal that another process has open ends with status 3") {
  const program shop;
  auto runtime = cairn::runtime::open({.storage = cairn::lmdb{shop.files / "data"}}).value();
  CHECK(contains(shop.run(3, {"add", "c", "tea"}).err, "locked"));
  CHECK(contains(shop.run(3, {"import", SAMPLE}).err, "locked"));
  CHECK(runtime.close());
  shop.run(0, {"add", "c", "tea"});
}

TEST_CASE("a cart is shown as it is by then while another process has the journal open") {
  const program shop;
  auto runtime = cairn::runtime::open({.storage = cairn::lmdb{shop.files / "data"}}).value();
  const auto carts = runtime.host<shop::shopping_cart>(shop::cart_options).value();
  for (int version = 1; version <= 3; ++version) {
    const shop::add_item tea{.sku = "tea", .quantity = 1, .unit_price_cents = 5};
    REQUIRE(carts.ask("c", tea).get());
    CHECK(shop.read({"show", "c"})["version"] == version);
    CHECK(shop.read({"history", "c"}).size() == static_cast<std::size_t>(version));
    CHECK(shop.read({"top"})[0]["quantity"] == version);
    CHECK(shop.run(0, {"carts", "--state", "open", "--count"}).out == "1\n");
  }
  CHECK(shop.read({"show", "c", "--at", "2"})["version"] == 2);
  shop.run(1, {"show", "nobody"});
  CHECK(runtime.close());
}

TEST_CASE("carts are shown while an import runs") {
  const program shop;
  std::string baskets; // enough for half a minute at least
  for (int i = 0; i < 200'000; ++i)
    baskets += "tea,soap,tea,bread,milk\n";
  const auto file = shop.files.write("long.csv", baskets);
  const test::child import{SHOPPING_CART,
                           {"import", file.string(), "--data", (shop.files / "data").string()}};
  // The first cart is complete before the import is: look until it is.
  for (;;) {
    REQUIRE_FALSE(import.ends_within(std::chrono::milliseconds{20}));
    const auto shown = test::run(
        SHOPPING_CART, {"show", "long-1", "--json", "--data", (shop.files / "data").string()});
    const bool not_yet = shown.status == 1 || (shown.status == 3 && !contains(shown.err, "locked"));
    REQUIRE((shown.status == 0 || not_yet));
    if (shown.status == 0 && json::parse(shown.out)["state"] == "checked-out")
      break;
  }
  CHECK(shop.read({"show", "long-1"})["version"] == 6);
  CHECK(shop.read({"history", "long-1"}).size() == 6);
  CHECK(contains(shop.run(3, {"add", "c", "tea"}).err, "locked"));
  CHECK_FALSE(import.ends_within(std::chrono::microseconds{0})); // it was running all the time
  import.kill();
}

TEST_CASE("output that cannot be written ends with status 3") {
  const program shop;
  shop.run(0, {"add", "c", "tea"});
  const auto shown = test::run("/bin/sh", {"-c", "exec \"$0\" show c --data \"$1\" >/dev/full",
                                           SHOPPING_CART, (shop.files / "data").string()});
  CHECK(shown.status == 3);
  CHECK(contains(shown.err, "could not be written"));
}

TEST_CASE("the sample is imported, and imported again without any effect") {
  const program shop;
  const auto first = shop.read({"import", SAMPLE});
  CHECK(first
        == json{{"baskets", 200},
                {"items", 731},
                {"accepted", 931},
                {"repeated", 0},
                {"rejected", 0},
                {"malformed", 0}});
  const auto history = shop.read({"history", "sample-1"});
  const auto again = shop.read({"import", SAMPLE});
  CHECK(again
        == json{{"baskets", 200},
                {"items", 731},
                {"accepted", 0},
                {"repeated", 931},
                {"rejected", 0},
                {"malformed", 0}});
  CHECK(shop.read({"history", "sample-1"}) == history);
}

TEST_CASE(
    "a malformed line is reported with its place, the rest is imported, and the status is 2") {
  const program shop;
  const auto file = shop.files.write("b.csv", "tea,milk\ntea,,milk\n\nbread\ncaf\xe9\n").string();
  const auto ended = shop.run(2, {"import", file, "--json", "--price", "120"});
  CHECK(ended.err
        == file + ":2: item 2 is malformed: it is empty\n" + file + ":3: the basket is empty\n"
               + file
               + ":5: item 1 is malformed: it holds a control character or a byte that "
                 "is not UTF-8\n");
  CHECK(json::parse(ended.out)
        == json{{"baskets", 2},
                {"items", 3},
                {"accepted", 5},
                {"repeated", 0},
                {"rejected", 0},
                {"malformed", 3}});
  CHECK(shop.read({"show", "b-4"})["items"]
        == json::parse(R"([{"sku":"bread","quantity":1,"unitPriceCents":120}])"));
  shop.run(1, {"show", "b-2"});
}

TEST_CASE("an import into carts that refuse it ends with status 1 and names the lines") {
  const program shop;
  const auto file = shop.files.write("b.csv", "tea\nmilk\n").string();
  shop.run(0, {"add", "b-2", "bread"});
  shop.run(0, {"checkout", "b-2"});
  const auto ended = shop.run(1, {"import", file});
  CHECK(contains(ended.err, file + ":2: adding milk was rejected: already_checked_out"));
  CHECK(shop.read({"show", "b-1"})["state"] == "checked-out");
}

TEST_CASE("the best sellers are listed, the most wanted first, as of the last command") {
  const program shop;
  shop.run(0, {"import", SAMPLE});
  CHECK(shop.run(0, {"top", "3"}).out
        == "        22  fleece\n"
           "        20  insect repellent\n"
           "        20  seam sealer\n");
  CHECK(shop.read({"top"}).size() == 10);
  shop.run(0, {"add", "mine", "seam sealer", "--quantity", "5000"});
  CHECK(shop.run(0, {"top", "2", "--json"}).out
        == "[{\"sku\":\"seam sealer\",\"quantity\":5020},{\"sku\":\"fleece\",\"quantity\":22}]\n");
  shop.run(0, {"remove", "mine", "seam sealer"});
  CHECK(shop.read({"top", "2"})[0]["sku"] == "fleece");
  shop.run(2, {"top", "0"});
}

TEST_CASE("carts are listed and counted by their state") {
  const program shop;
  for (const auto* cart : {"b", "a", "c"})
    shop.run(0, {"add", cart, "tea"});
  shop.run(0, {"remove", "c", "tea"});
  shop.run(0, {"checkout", "b"});
  CHECK(shop.run(0, {"carts", "--state", "open"}).out == "open        a\nopen        c\n");
  CHECK(shop.run(0, {"carts", "--state", "checked-out"}).out == "checked-out b\n");
  CHECK(shop.run(0, {"carts", "--state", "open", "--count"}).out == "2\n");
  CHECK(shop.run(0, {"carts", "--count"}).out == "3\n");
  CHECK(shop.read({"carts", "--state", "checked-out"})
        == json::parse(R"([{"cart":"b","state":"checked-out"}])"));
  CHECK(shop.read({"carts"}).size() == 3);
  CHECK(shop.read({"carts", "--count"}) == json{{"count", 3}});
  shop.run(2, {"carts", "--state", "lost"});
}

TEST_CASE("a journal is folded through the program before it is deployed") {
  const program shop;
  for (const char* sku : {"tea", "milk", "tea"})
    shop.run(0, {"add", "mine", sku});
  shop.run(0, {"checkout", "mine"});
  shop.run(0, {"add", "yours", "tea"});
  const auto folded = json::parse(
      test::run(SHOPPING_CART, {"check", (shop.files / "data").string(), "--json"}).out);
  CHECK(folded["carts"] == 2);
  CHECK(folded["events"] == 5);
  CHECK(folded["findingCount"] == 0);
  CHECK(folded["findings"].empty());
  const auto missing = test::run(SHOPPING_CART, {"check", (shop.files / "elsewhere").string()});
  CHECK(missing.status == 1);
  CHECK(contains(missing.err, "there is no directory"));
}
