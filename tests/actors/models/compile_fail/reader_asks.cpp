// Compiled by reader_asks.cmake: without a macro it must compile, with one it must not.

#include <cairn/aggregates.hpp>

#include "account.hpp"

namespace {

auto send(const cairn::aggregates<test::account>& accounts) {
  return accounts.ask("a", test::deposit{.amount = 1, .note = {}});
}

#ifdef ASK_A_READER
auto send(const cairn::aggregate_reader<test::account>& accounts) {
  return accounts.ask("a", test::deposit{.amount = 1, .note = {}});
}
#endif

} // namespace

bool sent(const cairn::aggregates<test::account>& accounts) {
  return send(accounts).ready();
}
