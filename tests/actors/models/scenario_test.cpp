#include <cairn/testing.hpp>

#include "account.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace test;
using cairn::testing::scenario;
using cairn::testing::scenario_failure;

namespace {

/// What the failing check says.
template <class Check>
std::string failure_of(Check&& check) {
  try {
    check();
  } catch (const scenario_failure& failure) {
    return failure.what();
  }
  return "(the check passed)";
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// Decides differently each time it is asked.
struct moody_account : account {
  using command = std::variant<deposit>;
  static cairn::decision<event> decide(const state&, const deposit& c) {
    static std::uint64_t times = 0;
    return deposited{.amount = c.amount + ++times, .note = {}};
  }
};

struct wavering_account : account {
  using command = std::variant<deposit>;
  static cairn::decision<event> decide(const state&, const deposit& c) {
    static bool refuse = false;
    refuse = !refuse;
    if (refuse)
      return cairn::reject("not_now");
    return deposited{.amount = c.amount, .note = {}};
  }
};

} // namespace

TEST_CASE("a scenario passes when events, rejection and state are as expected") {
  const auto funded = scenario<account>{}.given(deposited{.amount = 100, .note = "salary"});
  funded.when(withdraw{.amount = 30})
      .then(withdrawn{.amount = 30})
      .then_state({.balance = 70, .movements = 2, .closed = false, .last_note = "salary"});
  funded.when(transfer{.amount = 10, .fee = 1})
      .then(withdrawn{.amount = 10}, fee_taken{.amount = 1});
  funded.when(withdraw{.amount = 101})
      .then_rejected("insufficient_funds")
      .then_state(funded.current());
  funded.when(touch{}).then();
  CHECK(funded.current().balance == 100); // trying commands leaves the scenario as it was

  const std::vector<account::event> history{deposited{.amount = 1, .note = {}}, closed{}};
  const auto outcome = scenario<account>{}.given(history).when(deposit{.amount = 1, .note = {}});
  outcome.then_rejected("closed");
  CHECK(outcome.rejection()->code == "closed");
  CHECK(outcome.events().empty());
  CHECK(outcome.after().closed);
}

TEST_CASE("a scenario says what it expected and what it got") {
  const auto funded = scenario<account>{}.given(deposited{.amount = 100, .note = {}});
  const auto paid = funded.when(withdraw{.amount = 30});
  const auto refused = funded.when(withdraw{.amount = 101});

  const auto other_event = failure_of([&] { paid.then(withdrawn{.amount = 31}); });
  CHECK(contains(other_event, "expected the events"));
  CHECK(contains(other_event, "31"));
  CHECK(contains(other_event, "but got"));
  CHECK(contains(other_event, "30"));

  CHECK(contains(failure_of([&] { paid.then(); }), "(no events)"));
  CHECK(contains(failure_of([&] { refused.then(withdrawn{.amount = 101}); }),
                 "rejected: insufficient_funds (the balance is 100)"));
  const auto not_refused = failure_of([&] { paid.then_rejected("insufficient_funds"); });
  CHECK(contains(not_refused, "expected the rejection insufficient_funds"));
  CHECK(contains(not_refused, "30"));
  const auto other_code = failure_of([&] { refused.then_rejected("closed"); });
  CHECK(contains(other_code, "expected the rejection closed but got insufficient_funds"));
  const auto other_state = failure_of([&] { paid.then_state({}); });
  CHECK(contains(other_state, "expected the state"));
  CHECK(contains(other_state, "70"));
}

TEST_CASE("a decide that is not pure is detected") {
  const auto text =
      failure_of([] { (void)scenario<moody_account>{}.when(deposit{.amount = 1, .note = {}}); });
  CHECK(contains(text, "not pure"));
  CHECK(contains(
      failure_of([] { (void)scenario<wavering_account>{}.when(deposit{.amount = 1, .note = {}}); }),
      "not pure"));
}

TEST_CASE("values lose nothing on their way through their serialised form") {
  const std::string text{"Käse\n\"quoted\""};
  scenario<account>{}
      .when(deposit{.amount = ~std::uint64_t{0}, .note = text})
      .then(deposited{.amount = ~std::uint64_t{0}, .note = text})
      .then_state(
          {.balance = ~std::uint64_t{0}, .movements = 1, .closed = false, .last_note = text});
}
