#include "catalogue.cairn.hpp"

#include "after.cairn.hpp"
#include "before.cairn.hpp"
#include "wire.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <iomanip>
#include <limits>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace v1 = catalogue::v1;

using namespace std::string_literals;

namespace {

bool has_defaults(const v1::scalars& value) {
  v1::scalars expected;
  expected.undefined = 0;
  v1::scalars actual = value;
  const bool was_nan = std::isnan(std::exchange(actual.undefined, 0.0f));
  return was_nan && actual == expected;
}

v1::tree small_tree() {
  return {.label = "root",
          .children = {{.label = "left", .branches = {}}, {.label = "right", .branches = {}}},
          .branches = {{.tree = {.label = "twig", .branches = {}}, .more = {{}}}}};
}

} // namespace

TEST_CASE("value structs are aggregates connected with their wire type both ways") {
  static_assert(std::is_aggregate_v<v1::pointers>);
  static_assert(cairn::schema_value<v1::everything>);
  static_assert(!cairn::schema_value<v1::colour>);
  static_assert(std::is_same_v<cairn::schema_of<v1::point>::wire, v1::Point>);
  static_assert(std::is_same_v<cairn::value_of<v1::Point>::type, v1::point>);
  static_assert(std::is_same_v<cairn::value_of<v1::ListDefaults::Nested::Row>::type,
                               v1::list_defaults_nested_row>);
  static_assert(noexcept(cairn::schema_of<v1::lists>::heap_bytes(v1::lists{})));
  CHECK(cairn::type_id_of<v1::point>() == capnp::typeId<v1::Point>());
}

TEST_CASE("a fresh value has the defaults of its schema") {
  const v1::scalars scalars;
  CHECK(scalars.yes);
  CHECK_FALSE(scalars.no);
  CHECK(scalars.int8 == -128);
  CHECK(scalars.int32 == std::numeric_limits<std::int32_t>::min());
  CHECK(scalars.int64 == std::numeric_limits<std::int64_t>::min());
  CHECK(scalars.uint64 == std::numeric_limits<std::uint64_t>::max());
  CHECK(scalars.float32 == 1.5f);
  CHECK(scalars.float64 == -2.5e300);
  CHECK(scalars.endless == -std::numeric_limits<double>::infinity());
  CHECK(std::isnan(scalars.undefined));
  CHECK(scalars.colour == v1::colour::light_green);
  CHECK(scalars.plain_colour == v1::colour::red);

  const v1::pointers pointers;
  CHECK(pointers.text.empty());
  CHECK(pointers.text_with_default == "a \"quoted\" tea?\?/\n\x01\xc3\xa9");
  CHECK(pointers.data_with_default
        == std::vector<std::byte>{std::byte{0}, std::byte{255}, std::byte{16}});
  CHECK(pointers.point == v1::point{.x = 0, .y = -1});
  CHECK(pointers.point_with_default == v1::point{.x = 7, .y = -1});
  CHECK(pointers.price.currency == money::currency::usd);

  const v1::list_defaults lists;
  CHECK(lists.bools == std::vector<bool>{true, false});
  CHECK(lists.texts == std::vector<std::string>{"tea", "milk"});
  CHECK(lists.points == std::vector<v1::point>{{.x = 1}, {.x = 0, .y = 2}});
  CHECK(lists.grid == std::vector<std::vector<std::int32_t>>{{1, 2}, {}});
  CHECK(lists.one_text.at(0) == std::vector<std::string>{"x", "y"});
  CHECK(lists.nested.rows.at(1).label == "b");
}

TEST_CASE("a message in which nothing is set reads as a fresh value") {
  capnp::MallocMessageBuilder message;
  const auto wire = message.initRoot<v1::Everything>().asReader();
  auto value = cairn::schema_of<v1::everything>::read(wire);
  CHECK(has_defaults(value.scalars));
  CHECK(value.pointers == v1::pointers{});
  CHECK(value.lists == v1::lists{});
  CHECK(value.defaults == v1::list_defaults{});
  CHECK(value.names == v1::names{});
  CHECK(value.tree == v1::tree{});
}

TEST_CASE("an empty text, Data or list overrides the default that its field has") {
  v1::pointers pointers;
  pointers.text_with_default.clear();
  pointers.data_with_default.clear();
  CHECK(through_builder(pointers) == pointers);

  v1::list_defaults lists;
  lists.bools.clear();
  lists.texts.clear();
  lists.points.clear();
  lists.nested.rows.clear();
  CHECK(through_builder(lists) == lists);
}

TEST_CASE("empty texts and lists take no space beyond their pointer") {
  CHECK(to_bytes(v1::lists{}).size() == 1 + 1 + 22); // Segment table, root pointer, pointers.
}

TEST_CASE("text keeps its NULs, its bytes that are no UTF-8, and its length") {
  v1::pointers value;
  value.text = "a\0b\xff\0"s;
  CHECK(through_builder(value).text == value.text);
  CHECK(through_builder(value).text.size() == 5);
}

TEST_CASE("a number that an enum does not know survives and is printed") {
  v1::scalars value;
  value.colour = static_cast<v1::colour>(4711);
  CHECK(through_builder(value).colour == static_cast<v1::colour>(4711));
  CHECK(to_string(value.colour) == "colour(4711)");
  CHECK(printed(value.colour) == "colour(4711)");
  CHECK(to_string(v1::colour::light_green) == "light_green");
  CHECK(to_string(v1::colour::delete_) == "delete_");
  CHECK(to_string(v1::colour::secret) == "secret");
}

TEST_CASE("a recursive value goes there and back") {
  const v1::tree tree = small_tree();
  CHECK(through_builder(tree) == tree);
  CHECK(from_bytes<v1::tree>(to_bytes(tree)) == tree);
}

TEST_CASE("values print in one line that shows every field") {
  CHECK(printed(v1::point{.x = 1}) == "point{x: 1, y: -1}");
  CHECK(printed(v1::empty{}) == "empty{}");
  CHECK(printed(money::price{.cents = 250, .currency = money::currency::eur})
        == "price{cents: 250, currency: eur}");
  CHECK(printed(v1::list_defaults_nested{.rows = {{.label = "a"}, {}}})
        == "list_defaults_nested{rows: [list_defaults_nested_row{label: \"a\"}, "
           "list_defaults_nested_row{label: \"row\"}]}");

  v1::pointers pointers;
  pointers.text = "say \"hi\"\\\n\t\r\x01\x7f\xc3\xa9"s + '\0';
  const std::string text = printed(pointers);
  CHECK(
      text.starts_with("pointers{text: \"say \\\"hi\\\"\\\\\\n\\t\\r\\x01\\x7f\xc3\xa9\\x00\", "));
  CHECK(text.find("data: 0x, data_with_default: 0x00ff10, ") != std::string::npos);

  v1::lists lists;
  lists.voids.resize(2);
  lists.bools = {true, false};
  lists.int8s = {-1};
  lists.float32s = {0.1f, 1e30f};
  lists.grid = {{1, 2}, {}};
  const std::string list = printed(lists);
  CHECK(list.starts_with("lists{voids: [void, void], bools: [true, false], int8s: [-1], "));
  CHECK(list.find("float32s: [0.1, 1e+30], ") != std::string::npos);
  CHECK(list.find("grid: [[1, 2], []], ") != std::string::npos);
}

TEST_CASE("the format flags of a stream do not change how values print") {
  std::ostringstream out;
  out << std::hex << std::showpos << std::setprecision(2) << std::boolalpha;
  out << v1::point{.x = 255, .y = 16};
  CHECK(out.str() == "point{x: 255, y: 16}");
}

TEST_CASE("heap bytes count what a value owns beyond itself, and grow with it") {
  using cairn::schema_of;
  const v1::pointers none{.text_with_default = "", .data_with_default = {}};
  CHECK(schema_of<v1::pointers>::heap_bytes(none) == 0);

  v1::pointers short_text = none;
  short_text.text = "tea";
  CHECK(schema_of<v1::pointers>::heap_bytes(short_text) == 0);

  v1::pointers long_text = none;
  long_text.text.assign(1000, 'x');
  CHECK(schema_of<v1::pointers>::heap_bytes(long_text) == long_text.text.capacity() + 1);

  v1::lists lists;
  std::size_t before = schema_of<v1::lists>::heap_bytes(lists);
  CHECK(before == 0);
  const auto grew = [&] {
    const std::size_t now = schema_of<v1::lists>::heap_bytes(lists);
    return now > std::exchange(before, now);
  };
  lists.bools.assign(1000, true);
  CHECK(grew());
  CHECK(before < 1000);
  lists.points.resize(10);
  CHECK(grew());
  lists.texts = {std::string(100, 'x')};
  CHECK(grew());
  CHECK(before >= 1000 / 8 + 10 * sizeof(v1::point) + sizeof(std::string) + 100);
  lists.datas = {std::vector<std::byte>(50)};
  CHECK(grew());
  lists.cube = {{{std::string(100, 'y')}}};
  CHECK(grew());
  lists.bool_rows = {std::vector<bool>(640)};
  CHECK(grew());
}

TEST_CASE("a message from before a field was added reads as the field's default") {
  const before::order old{
      .label = "o1", .quantity = 3, .kind = before::kind::tea, .lines = {{.sku = "tea"}}};
  const auto value = from_bytes<after::order>(to_bytes(old));
  CHECK(value
        == after::order{.label = "o1",
                        .quantity = 3,
                        .kind = after::kind::tea,
                        .lines = {{.sku = "tea", .count = 1}},
                        .priority = 5,
                        .note = "none",
                        .address = {.street = "unknown", .number = 0},
                        .tags = {"new"}});
}

TEST_CASE("a message with fields that came later reads as if they were not there") {
  after::order young{.label = "o2",
                     .quantity = 9,
                     .kind = after::kind::coffee,
                     .lines = {{.sku = "milk", .count = 4}, {.sku = "tea"}},
                     .priority = -1,
                     .note = "x",
                     .address = {},
                     .tags = {"a", "b"}};
  // Not in the initializer: there GCC 12, optimising, warns of an uninitialised string.
  young.address.street = "High Street";
  young.address.number = 7;
  const auto value = from_bytes<before::order>(to_bytes(young));
  CHECK(value
        == before::order{.label = "o2",
                         .quantity = 9,
                         .kind = static_cast<before::kind>(1),
                         .lines = {{.sku = "milk"}, {.sku = "tea"}}});
  CHECK(to_string(value.kind) == "kind(1)");
}

TEST_CASE("damaged bytes are an exception of Cap'n Proto, not a wrong value") {
  auto bytes = to_bytes(v1::pointers{.text = "a text that is long enough to be far away"});
  const auto cut = bytes.slice(0, 4);
  CHECK_THROWS_AS(from_bytes<v1::pointers>(cut), kj::Exception);
}
