#include "literals.hpp"

#include <cairn/result.hpp>

#include <doctest/doctest.h>

#include <string>

TEST_CASE("a result holds either its value or the error that says why there is none") {
  cairn::result<std::string> good{std::string{"tea"}};
  REQUIRE(good);
  CHECK(*good == "tea");

  const cairn::result<std::string> bad{
      cairn::error{cairn::errc::version_conflict, "the stream is at 3"}.with_version(3_ver)};
  REQUIRE(!bad);
  CHECK(bad.error().code() == cairn::errc::version_conflict);
  CHECK(bad.error().version() == 3_ver);
  CHECK(bad.value_or("none") == "none");
}

TEST_CASE("a result of nothing is a success until it is given an error") {
  CHECK(cairn::result<void>{}.has_value());
  CHECK(!cairn::result<void>{cairn::error{cairn::errc::io_failed, "no"}}.has_value());
}
