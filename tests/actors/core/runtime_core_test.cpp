// How a runtime closes, step by step: nothing happens but what the test does.

#include "account.hpp"
#include "aggregates/scripted_journal.hpp"
#include "scheduling/stepped_executor.hpp"

#include "core/runtime_core.hpp"
#include "literals.hpp"

#include <cairn/aggregates.hpp>
#include <cairn/memory_journal.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <utility>

using namespace test;
using cairn::errc;
using cairn::detail::runtime_core;
using step = cairn::detail::runtime_core::step;

namespace {

/// A runtime on a scripted journal, whose turns the test gives.
struct core_fixture {
  core_fixture() { runs_on->run(); }

  cairn::aggregates<account> host() {
    return cairn::aggregates<account>{
        core.host(std::make_unique<cairn::detail::typed_model<account>>(cairn::aggregate_options{}))
            .value()};
  }

  void take(step expected) {
    CHECK(core.next_step() == expected);
    REQUIRE(core.step_is_over());
    core.take_step();
  }

  void close_by_steps() {
    while (!core.is_closed()) {
      runs_on->run();
      REQUIRE(core.step_is_over());
      core.take_step();
    }
  }

  scripted_journal journal;
  const std::shared_ptr<stepped_executor> runs_on = std::make_shared<stepped_executor>();
  runtime_core core{journal, {.runs_on = runs_on}};
};

deposit put(std::uint64_t amount) {
  return {.amount = amount, .note = {}};
}

} // namespace

TEST_CASE_FIXTURE(core_fixture, "each step of closing waits for what the one before has set off") {
  auto accounts = host();
  journal.hold();
  auto accepted = accounts.ask("a", put(1));
  runs_on->run();
  REQUIRE(journal.held() == 1);

  take(step::end_subscriptions);
  auto late = accounts.ask("a", put(1)); // a handler that is running may still ask
  take(step::refuse_requests);
  CHECK(accounts.ask("a", put(1)).get().error().code() == errc::shut_down);
  CHECK_FALSE(core.step_is_over());
  journal.stop_holding();
  journal.release_all();
  CHECK_FALSE(core.step_is_over()); // durable, and not yet answered
  runs_on->run();
  REQUIRE(accepted.ready());
  CHECK(accepted.get().value().accepted());
  REQUIRE(late.ready());
  CHECK(late.get().value().version() == 2_ver);

  CHECK(core.engine()->counts().resident == 1);
  take(step::empty_memory);
  CHECK_FALSE(core.step_is_over());
  runs_on->run();
  CHECK(core.engine()->counts().resident == 0);

  take(step::close_projections);
  take(step::close_journal);
  CHECK(runs_on.use_count() == 2);
  take(step::stop_executor);
  CHECK(runs_on.use_count() == 1);
  CHECK(core.is_closed());
  CHECK(core.close());
  CHECK(accounts.ask("a", put(1)).get().error().code() == errc::shut_down);
}

TEST_CASE_FIXTURE(core_fixture, "a journal that is somebody else's stays open") {
  (void)host().ask("a", put(1));
  close_by_steps();
  CHECK(journal.replay_all(1_pos, [](const auto&) { return cairn::visit_result::proceed; }).value()
        == 1_pos);
}

TEST_CASE_FIXTURE(core_fixture, "feeds end first, and no new ones begin") {
  auto feed = core.subscriptions().follow(cairn::event_selection::all(), {}).value();
  take(step::end_subscriptions);
  const auto show = [](const cairn::event_view&) { return cairn::visit_result::proceed; };
  CHECK(feed.next(show, std::chrono::steady_clock::time_point::min()).error().code()
        == errc::shut_down);
  CHECK(core.subscriptions().follow(cairn::event_selection::all(), {}).error().code()
        == errc::shut_down);
  close_by_steps();
}

TEST_CASE("closing ends everything although the journal fails, and tells its error once") {
  const auto runs_on = std::make_shared<stepped_executor>();
  auto journal = std::make_unique<scripted_journal>();
  journal->close_fails_with = cairn::error{errc::io_failed, "the rest could not be written"};
  runtime_core core{std::move(journal), {.runs_on = runs_on}};
  while (core.next_step() != step::close_projections) {
    runs_on->run();
    core.take_step();
  }
  runs_on->run();
  const auto closed = core.close(); // the steps that are left, none of which waits
  REQUIRE(!closed);
  CHECK(closed.error().message() == "the rest could not be written");
  CHECK(core.is_closed());
  CHECK(runs_on.use_count() == 1);
  CHECK(core.close());
}

TEST_CASE("a runtime for reading takes the same steps, and none of them waits for turns") {
  const auto journal = cairn::make_memory_journal();
  runtime_core core{*journal, {}};
  const cairn::aggregates<account> accounts{
      core.host(std::make_unique<cairn::detail::typed_model<account>>(cairn::aggregate_options{}))
          .value()};
  const auto balance = [](const account_state& now) { return now.balance; };
  core.take_step();
  CHECK(accounts.query("a", balance).get().value() == 0); // a handler that is running may still ask
  core.take_step();
  CHECK(accounts.query("a", balance).get().error().code() == errc::shut_down);
  while (!core.is_closed()) {
    CHECK(core.step_is_over());
    core.take_step();
  }
}
