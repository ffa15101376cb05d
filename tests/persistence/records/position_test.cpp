#include "literals.hpp"

#include <doctest/doctest.h>

#include <set>
#include <sstream>
#include <vector>

using namespace cairn;

namespace {

constexpr shard_id third{3};

template <class T>
std::string printed(const T& value) {
  std::ostringstream out;
  out << value;
  CHECK(out.str() == to_string(value));
  return out.str();
}

} // namespace

TEST_CASE("a position in shard 0 is stored and printed as a plain number") {
  CHECK(position{}.bits() == 0);
  CHECK((17_pos).bits() == 17);
  CHECK(position{17, shard_id{0}} == 17_pos);
  CHECK(printed(17_pos) == "17");
  CHECK(printed(position::max()) == "281474976710655");
}

TEST_CASE("a position in another shard keeps its shard, stored, printed and counted on") {
  const position there{17, third};
  CHECK(there.shard() == third);
  CHECK(there.number() == 17);
  CHECK(there.bits() == 0x0003'0000'0000'0011);
  CHECK(position::from_bits(there.bits()) == there);
  CHECK(printed(there) == "3:17");
  CHECK(printed(there + 5) == "3:22");
  CHECK(printed(position::max(shard_id{65'535})) == "65535:281474976710655");
  CHECK((there + 5) - there == 5);
  CHECK(there - 17 == position::start_of(third));
  CHECK(position::start_of(third).is_start());
}

TEST_CASE("position_order orders positions of all shards, and hashes tell them apart") {
  const std::set<position, position_order> all{position{1, third}, 7_pos, position{0, third}};
  CHECK(std::vector(all.begin(), all.end())
        == std::vector{7_pos, position{0, third}, position{1, third}});
  CHECK(std::hash<position>{}(1_pos) != std::hash<position>{}(position{1, third}));
}

TEST_CASE("positions are ordered within a shard and not across shards") {
  struct row {
    position a, b;
    std::partial_ordering order;
  };
  for (const auto& [a, b, order] : {
           row{1_pos, 2_pos, std::partial_ordering::less},
           row{2_pos, 2_pos, std::partial_ordering::equivalent},
           row{position{9, third}, position{8, third}, std::partial_ordering::greater},
           row{1_pos, position{1, third}, std::partial_ordering::unordered},
           row{1_pos, position{2, third}, std::partial_ordering::unordered},
           row{position{1, third}, 2_pos, std::partial_ordering::unordered},
           row{position{1, third}, position{2, shard_id{4}}, std::partial_ordering::unordered},
       }) {
    CAPTURE(a);
    CAPTURE(b);
    CHECK(bool((a <=> b) == order));
    CHECK((a == b) == (order == std::partial_ordering::equivalent));
    CHECK((a < b) == (order == std::partial_ordering::less));
    CHECK(
        (a >= b)
        == (order == std::partial_ordering::greater || order == std::partial_ordering::equivalent));
  }
}

TEST_CASE("one position a shard: each goes forward alone") {
  shard_positions at;
  CHECK(at.entries().empty());
  CHECK(at.of(third) == position::start_of(third));
  at.advance(position{5, third});
  at.advance(4_pos);
  at.advance(position{6, third});
  CHECK(at.of({}) == 4_pos);
  CHECK(at.of(third) == position{6, third});
  CHECK(at.entries() == std::vector{4_pos, position{6, third}}); // in the order of shards
}

TEST_CASE("a version counts the events of a stream") {
  CHECK(version{}.is_none());
  CHECK_FALSE((1_ver).is_none());
  CHECK(3_ver + 4 == 7_ver);
  CHECK(7_ver - 4 == 3_ver);
  CHECK(7_ver - 3_ver == 4);
  CHECK(3_ver < 4_ver);
  CHECK(version::max() > 18'446'744'073'709'551'614_ver);
  CHECK(printed(17_ver) == "17");
}
