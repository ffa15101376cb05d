#include "basket_file.hpp"

#include "cart.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

using namespace shop;

namespace {

using items = std::vector<std::string>;

items parsed(std::string_view line) {
  auto result = parse_basket(line);
  if (const auto* reason = std::get_if<std::string>(&result))
    FAIL("malformed: " << *reason);
  return std::get<items>(std::move(result));
}

std::string reason(std::string_view line) {
  auto result = parse_basket(line);
  return std::holds_alternative<std::string>(result) ? std::get<std::string>(result) : "";
}

/// All lines of a file with this content, each as `line: item|item` or `line! reason`.
std::vector<std::string> lines_of(const std::string& content) {
  auto path = (std::filesystem::temp_directory_path() / "cairn-baskets-XXXXXX").string();
  const int handle = mkstemp(path.data());
  REQUIRE(handle >= 0);
  std::ofstream{path, std::ios::binary} << content;
  auto file = basket_file::open(path);
  REQUIRE(file);
  std::vector<std::string> found;
  for (auto line = file->next(); *line; line = file->next()) {
    if (const auto* bad = std::get_if<malformed_line>(&**line)) {
      found.push_back(std::to_string(bad->line) + "! " + bad->reason);
      continue;
    }
    const auto& good = std::get<basket>(**line);
    auto text = std::to_string(good.line) + ':';
    for (const auto& item : good.items)
      text += (text.ends_with(':') ? " " : "|") + item;
    found.push_back(std::move(text));
  }
  CHECK(file->bytes_read() == content.size());
  CHECK(file->bytes() == content.size());
  std::fclose(fdopen(handle, "r"));
  std::filesystem::remove(path);
  return found;
}

using lines = std::vector<std::string>;

} // namespace

TEST_CASE("a basket is its items in their order, with the blanks around them dropped") {
  CHECK(parsed("tea") == items{"tea"});
  CHECK(parsed("whole milk, rolls/buns ,\tUHT-milk 1.5")
        == items{"whole milk", "rolls/buns", "UHT-milk 1.5"});
  CHECK(parsed("tea,tea") == items{"tea", "tea"});
  CHECK(parsed("5\" nails") == items{"5\" nails"});
}

TEST_CASE("an item in quotes may hold commas, quotes and blanks") {
  CHECK(parsed(R"("pot, 1.5 l",tea)") == items{"pot, 1.5 l", "tea"});
  CHECK(parsed(R"( "5"" nails" , tea)") == items{R"(5" nails)", "tea"});
  CHECK(parsed(R"(" tea ")") == items{" tea "});
}

TEST_CASE("a line that is no basket is refused with the reason") {
  CHECK(reason("") == "the basket is empty");
  CHECK(reason(" \t ") == "the basket is empty");
  CHECK(reason("tea,,milk") == "item 2 is malformed: it is empty");
  CHECK(reason("tea,") == "item 2 is malformed: it is empty");
  CHECK(reason(",") == "item 1 is malformed: it is empty");
  CHECK(reason("tea, \"\"") == "item 2 is malformed: it is empty");
  CHECK(reason("a\tb").find("item 1 is malformed: it holds a control character") == 0);
  CHECK(reason(std::string_view{"a\0b", 3}).find("control character") != std::string::npos);
  CHECK(reason("caf\xe9").find("not UTF-8") != std::string::npos);
  CHECK(reason("tea," + std::string(256, 'x'))
        == "item 2 is malformed: it has 256 bytes; the limit is 255");
  CHECK(reason("\"tea") == "item 1 is malformed: its closing quote is missing");
  CHECK(reason("\"tea\"x,milk") == "item 1 is malformed: there is text after its closing quote");
}

TEST_CASE("a basket has as many items as a cart remembers commands, and no more") {
  std::string line = "x";
  for (std::size_t i = 1; i < max_cart_lines; ++i)
    line += ",x";
  CHECK(parsed(line).size() == max_cart_lines);
  CHECK(reason(line + ",x") == "the basket has more than 4095 items");
}

TEST_CASE("lines are counted from 1, the malformed ones too") {
  CHECK(lines_of("a,b\n\nc\n") == lines{"1: a|b", "2! the basket is empty", "3: c"});
}

TEST_CASE("the last line need not end, and an end is no line") {
  CHECK(lines_of("") == lines{});
  CHECK(lines_of("a") == lines{"1: a"});
  CHECK(lines_of("a\n") == lines{"1: a"});
  CHECK(lines_of("a\n\n") == lines{"1: a", "2! the basket is empty"});
}

TEST_CASE("files of other systems are read") {
  CHECK(lines_of("\xEF\xBB\xBF"
                 "a,b\r\nc\r\n")
        == lines{"1: a|b", "2: c"});
}

TEST_CASE("lines longer than the buffer are read, and ones beyond the limit reported") {
  const std::string item(200, 'x');
  std::string line = item;
  std::string expected = "1: " + item;
  for (int i = 0; i < 999; ++i) {
    line += ',' + item;
    expected += '|' + item;
  }
  CHECK(lines_of(line + "\nb") == lines{expected, "2: b"});
  const std::string endless(basket_file::max_line_bytes + 1, 'x');
  CHECK(lines_of("a\n" + endless + "\nb\n" + endless)
        == lines{"1: a", "2! the line has more than 4194304 bytes", "3: b",
                 "4! the line has more than 4194304 bytes"});
}

TEST_CASE("a file that cannot be read is an error that names it") {
  const auto missing = basket_file::open("no-such-file.csv");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code() == cairn::errc::not_found);
  CHECK(missing.error().message().find("no-such-file.csv") != std::string::npos);

  const auto folder = basket_file::open(std::filesystem::temp_directory_path());
  REQUIRE_FALSE(folder);
  CHECK(folder.error().code() == cairn::errc::io_failed);
}
