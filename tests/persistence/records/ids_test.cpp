#include "literals.hpp"

#include <cairn/ids.hpp>

#include <doctest/doctest.h>

#include <set>
#include <sstream>
#include <string>

using namespace cairn;

namespace {

std::string refusal(std::string_view type, std::string_view id) {
  const auto made = stream_id::make(type, id);
  if (made)
    return "accepted";
  CHECK(made.error().code() == errc::invalid_argument);
  return made.error().message();
}

template <class T>
std::string printed(const T& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

} // namespace

TEST_CASE("a stream is named type/id, and the id may hold slashes") {
  const stream_id id = stream_id::make("shopping-cart", "eu/42").value();
  CHECK(id.name() == "shopping-cart/eu/42");
  CHECK(id.type() == "shopping-cart");
  CHECK(id.id() == "eu/42");
  CHECK(stream_id::parse("shopping-cart/eu/42").value() == id);
  CHECK(stream_id::parse("shopping-cart/eu/42").value().hash() == id.hash());
  CHECK(printed(id) == "shopping-cart/eu/42");
}

TEST_CASE("ids outside the limits are refused with the limit and the place") {
  CHECK(refusal("", "x") == "the aggregate type is empty; it must have 1 to 64 characters");
  CHECK(refusal(std::string(65, 'a'), "x") == "the aggregate type has 65 bytes; the limit is 64");
  CHECK(refusal("Cart", "x").find("forbidden byte at place 0") != std::string::npos);
  CHECK(refusal("cart/x", "x").find("forbidden byte at place 4") != std::string::npos);
  CHECK(refusal("cart", "") == "the aggregate id is empty; it must have 1 to 255 bytes");
  CHECK(refusal("cart", std::string(256, 'x'))
        == "the aggregate id has 256 bytes; the limit is 255");
  CHECK(refusal("cart", "a\nb") == "the aggregate id has a control character at place 1");
  CHECK(refusal("cart", std::string_view{"a\0b", 3})
        == "the aggregate id has a control character at place 1");
  CHECK(refusal("cart", "abc\x7f") == "the aggregate id has a control character at place 3");
  CHECK(refusal("cart", "\xc2\x85") == "the aggregate id has a control character at place 0");
  CHECK(refusal(std::string(64, 'a'), std::string(255, 'x')) == "accepted");
  CHECK(stream_id::parse("no-slash").error().code() == errc::invalid_argument);
}

TEST_CASE("ids that are not UTF-8 are refused with the place") {
  for (const std::string_view bad :
       {"ok\xff", "ok\x80", "ok\xc0\xaf", "ok\xc3", "ok\xe0\x80\x80", "ok\xed\xa0\x80",
        "ok\xf0\x80\x80\x80", "ok\xf4\x90\x80\x80", "ok\xe2\x82", "ok\xe2\x28\xa1"})
    CHECK(refusal("cart", bad) == "the aggregate id has a byte that is not UTF-8 at place 2");
  for (const std::string_view good : {"é", "€", "\U0001F375", "\uFFFD", "\U0010FFFF", "\u00a0"})
    CHECK(refusal("cart", good) == "accepted");
}

TEST_CASE("a UUID is taken as its bits, any other text as a hash that never changes") {
  const auto id = message_id::from_text("F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6");
  CHECK(id == message_id{0xf81d4fae7dec11d0, 0xa76500a0c91e6bf6});
  CHECK(id.to_string() == "f81d4fae-7dec-11d0-a765-00a0c91e6bf6");
  CHECK(printed(id) == id.to_string());
  CHECK(message_id::from_text("").empty());
  CHECK(message_id::from_text("F81D4FAE-7DEC-11D0-A765-00A0C91E6BFX")
        != message_id::from_text("F81D4FAE-7DEC-11D0-A765-00A0C91E6BF"));
  // As `xxhsum -H2` prints it.
  CHECK(message_id::from_text("order-1").to_string() == "5a8a4096-13f9-0ad0-af63-a0f835ca6746");
}

TEST_CASE("random ids are version 4 UUIDs and differ") {
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) {
    const std::string text = message_id::random().to_string();
    CHECK(text[14] == '4');
    CHECK(std::string_view{"89ab"}.find(text[19]) != std::string_view::npos);
    seen.insert(text);
  }
  CHECK(seen.size() == 10'000);
}

TEST_CASE("expected versions print as people say them") {
  CHECK(printed(expected_version::any()) == "any");
  CHECK(printed(expected_version::none()) == "none");
  CHECK(printed(expected_version::exists()) == "exists");
  CHECK(printed(expected_version::exact(7_ver)) == "exactly 7");
}
