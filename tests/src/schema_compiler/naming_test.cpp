#include "schema_compiler/naming.hpp"

#include <doctest/doctest.h>

using cairn::schema_compiler::is_usable_identifier;
using cairn::schema_compiler::snake_case;
using cairn::schema_compiler::title_case;
using cairn::schema_compiler::unreserved;

TEST_CASE("names are split into words at their capitals") {
  CHECK(snake_case("ItemAdded") == "item_added");
  CHECK(snake_case("unitPriceCents") == "unit_price_cents");
  CHECK(snake_case("sku") == "sku");
  CHECK(snake_case("isA") == "is_a");
  CHECK(snake_case("aB") == "a_b");
  CHECK(snake_case("X") == "x");
}

TEST_CASE("a row of capitals is one word, whose last letter may begin the next") {
  CHECK(snake_case("HTTPStatus") == "http_status");
  CHECK(snake_case("parseURL") == "parse_url");
  CHECK(snake_case("URLOfID") == "url_of_id");
  CHECK(snake_case("ABTest") == "ab_test");
}

TEST_CASE("digits belong to the word in front of them") {
  CHECK(snake_case("sha256Sum") == "sha256_sum");
  CHECK(snake_case("utf8") == "utf8");
  CHECK(snake_case("ItemV2") == "item_v2");
  CHECK(snake_case("X509Certificate") == "x509_certificate");
  CHECK(snake_case("item2X") == "item2_x");
  CHECK(snake_case("item2b") == "item2b");
}

TEST_CASE("underscores of a chosen C++ name are kept, not doubled") {
  CHECK(snake_case("Foo_Bar") == "foo_bar");
  CHECK(snake_case("foo_bar") == "foo_bar");
}

TEST_CASE("a name that C++ does not give away gets an underscore") {
  CHECK(unreserved("class") == "class_");
  CHECK(unreserved("co_await") == "co_await_");
  CHECK(unreserved("xor") == "xor_");
  CHECK(unreserved("std") == "std_");
  CHECK(unreserved("errno") == "errno_");
  CHECK(unreserved("classes") == "classes");
}

TEST_CASE("a chosen name must be one that a program may declare") {
  CHECK(is_usable_identifier("order_line"));
  CHECK(is_usable_identifier("OrderLine2"));
  CHECK_FALSE(is_usable_identifier(""));
  CHECK_FALSE(is_usable_identifier("2nd"));
  CHECK_FALSE(is_usable_identifier("_hidden"));
  CHECK_FALSE(is_usable_identifier("two__parts"));
  CHECK_FALSE(is_usable_identifier("with space"));
  CHECK_FALSE(is_usable_identifier("x; int y"));
  CHECK_FALSE(is_usable_identifier("class"));
}

TEST_CASE("accessors of Cap'n Proto's classes begin with a capital") {
  CHECK(title_case("unitPriceCents") == "UnitPriceCents");
  CHECK(title_case("x") == "X");
}
