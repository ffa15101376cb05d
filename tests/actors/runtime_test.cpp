#include <cairn/runtime.hpp>

#include "account.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace test;

TEST_CASE("a command is answered with the version and position of its event, and a query sees it") {
  auto runtime = cairn::runtime::open({}).value();
  auto accounts = runtime.host<account>();
  const auto first = accounts.ask("a", deposit{.amount = 5, .note = "tea"}).get().value();
  CHECK(first.accepted());
  CHECK(first.version() == 1);
  CHECK(first.position() == 1);
  const auto second = accounts.ask("a", withdraw{.amount = 7}).get().value();
  REQUIRE(!second.accepted());
  CHECK(second.rejection().code == "insufficient_funds");
  CHECK(accounts.query("a", [](const account_state& s) { return s.balance; }).get().value() == 5);
  std::vector<cairn::future<cairn::reply>> many;
  for (int i = 0; i < 10000; ++i)
    many.push_back(accounts.ask("b" + std::to_string(i % 100), deposit{.amount = 1, .note = {}}));
  for (auto& f : many)
    CHECK(f.get().value().accepted());
  CHECK(accounts.query("b7", [](const account_state& s) { return s.balance; }).get().value()
        == 100);
  CHECK(runtime.close());
}
