#include "random_values.hpp"
#include "wire.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

namespace v1 = catalogue::v1;

// rapidcheck prints the seed before its first property; RC_PARAMS="seed=..." repeats a run.

TEST_CASE("any value goes to the wire and back unchanged") {
  CHECK(rc::check("value -> wire -> value", [] {
    const auto value = pick<v1::everything>();
    RC_ASSERT(through_builder(value) == value);
  }));
}

TEST_CASE("any value goes to bytes and back unchanged") {
  CHECK(rc::check("value -> bytes -> value", [] {
    const auto value = pick<v1::everything>();
    RC_ASSERT(from_bytes<v1::everything>(to_bytes(value)) == value);
  }));
}

TEST_CASE("equal values have equal bytes, and different values different ones") {
  CHECK(rc::check("bytes are equal where values are", [] {
    const auto a = pick<v1::pointers>();
    const auto b = pick<v1::pointers>();
    const auto bytes_of_a = to_bytes(a);
    RC_ASSERT(bytes_of_a.asBytes() == to_bytes(v1::pointers(a)).asBytes());
    RC_ASSERT((bytes_of_a.asBytes() == to_bytes(b).asBytes()) == (a == b));
  }));
}

TEST_CASE("a copy owns no more memory than its original") {
  CHECK(rc::check("heap bytes of copies", [] {
    const auto value = pick<v1::everything>();
    const auto copy = value;
    RC_ASSERT(cairn::schema_of<v1::everything>::heap_bytes(copy)
              <= cairn::schema_of<v1::everything>::heap_bytes(value));
  }));
}
