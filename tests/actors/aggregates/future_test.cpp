#include "engine_fixture.hpp"
#include "literals.hpp"

#include <coroutine>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace test;
using cairn::errc;

namespace {

/// The smallest coroutine: it runs until it waits, and nobody waits for it.
struct detached {
  struct promise_type {
    detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

/// A future and the one who fulfils it.
template <class T>
struct promise {
  cairn::detail::intrusive_ptr<cairn::detail::future_state<T>> state =
      cairn::detail::make_intrusive<cairn::detail::future_state<T>>();

  cairn::future<T> get_future() { return cairn::future<T>{state}; }
  void settle(cairn::result<T> outcome) { state->settle(std::move(outcome)); }
};

using shared = std::shared_ptr<int>;

} // namespace

TEST_CASE("get brings the outcome once, whether it was there before or comes later") {
  promise<int> before;
  before.settle(1);
  auto there = before.get_future();
  CHECK(there.ready());
  CHECK(there.get().value() == 1);
  CHECK(!there.valid());

  promise<int> after;
  std::thread settling{[&] { after.settle(2); }};
  CHECK(after.get_future().get().value() == 2);
  settling.join();

  CHECK(cairn::future<int>::settled(cairn::error{errc::aborted, "no"}).get().error().code()
        == errc::aborted);
}

TEST_CASE("wait_for says whether the outcome is there, and leaves it for every way of taking it") {
  for (const bool by_then : {false, true}) {
    promise<int> later;
    auto call = later.get_future();
    CHECK(!call.wait_for(std::chrono::milliseconds{0}));
    CHECK(!call.wait_for(std::chrono::milliseconds{1}));
    int seen = 0;
    if (by_then) {
      std::move(call).then([&](cairn::result<int>&& outcome) { seen = outcome.value(); });
      later.settle(7);
    } else {
      later.settle(7);
      CHECK(call.wait_for(std::chrono::milliseconds{0}));
      CHECK(call.ready());
      seen = call.get().value();
    }
    CHECK(seen == 7);
  }
  promise<int> settled_between;
  auto call = settled_between.get_future();
  CHECK(!call.wait_for(std::chrono::milliseconds{0}));
  settled_between.settle(3);
  int seen = 0;
  std::move(call).then([&](cairn::result<int>&& outcome) { seen = outcome.value(); });
  CHECK(seen == 3);
}

TEST_CASE("a waiting thread is woken by the outcome") {
  // `get` has no time limit: if nobody wakes it, this hangs. Many times, because some outcomes are
  // there before anybody waits.
  constexpr int rounds = 500;
  std::vector<promise<int>> promises(rounds);
  std::atomic<int> begun{0};
  std::thread settling{[&] {
    for (int i = 0; i < rounds; ++i) {
      while (begun <= i)
        std::this_thread::yield();
      std::this_thread::yield();
      promises[static_cast<std::size_t>(i)].settle(int{i});
    }
  }};
  for (int i = 0; i < rounds; ++i) {
    auto call = promises[static_cast<std::size_t>(i)].get_future();
    ++begun;
    CHECK(call.get().value() == i);
  }
  settling.join();
}

TEST_CASE("a continuation is called once, at once if the outcome is there, else when it comes") {
  promise<int> before;
  before.settle(1);
  std::vector<int> seen;
  before.get_future().then([&](cairn::result<int>&& outcome) { seen.push_back(outcome.value()); });
  CHECK(seen == std::vector<int>{1});
  promise<int> after;
  after.get_future().then([&](cairn::result<int>&& outcome) { seen.push_back(outcome.value()); });
  CHECK(seen.size() == 1);
  after.settle(2);
  CHECK(seen == std::vector<int>{1, 2});
}

TEST_CASE("continuations chain, by plain value and by result") {
  for (const bool settled_before : {true, false}) {
    promise<int> start;
    if (settled_before)
      start.settle(20);
    auto end = start.get_future()
                   .then([](cairn::result<int>&& outcome) { return outcome.value() + 1; })
                   .then([](cairn::result<int>&& outcome) -> cairn::result<std::string> {
                     return "number " + std::to_string(outcome.value());
                   });
    static_assert(std::is_same_v<decltype(end), cairn::future<std::string>>);
    if (!settled_before)
      start.settle(20);
    REQUIRE(end.ready());
    CHECK(end.get().value() == "number 21");
  }
  promise<int> failing;
  auto end = failing.get_future().then([](cairn::result<int>&& outcome) -> cairn::result<int> {
    return std::move(outcome).error();
  });
  failing.settle(cairn::error{errc::overloaded, "full"});
  CHECK(end.get().error().code() == errc::overloaded);
}

TEST_CASE("a coroutine waits for the outcome, or goes on at once if it is there") {
  std::vector<int> seen;
  const auto wait = [&seen](cairn::future<int> call) -> detached {
    const auto outcome = co_await std::move(call);
    seen.push_back(outcome.value());
  };
  promise<int> before;
  before.settle(1);
  wait(before.get_future());
  CHECK(seen == std::vector<int>{1});
  promise<int> after;
  wait(after.get_future());
  CHECK(seen.size() == 1);
  after.settle(2);
  CHECK(seen == std::vector<int>{1, 2});
  promise<int> looked_at;
  auto call = looked_at.get_future();
  CHECK(!call.wait_for(std::chrono::milliseconds{0}));
  wait(std::move(call));
  looked_at.settle(3);
  CHECK(seen == std::vector<int>{1, 2, 3});
}

TEST_CASE("a coroutine that has waited leaves nothing behind") {
  const auto value = std::make_shared<int>(5);
  {
    promise<shared> later;
    [](cairn::future<shared> call) -> detached {
      CHECK(*(co_await std::move(call)).value() == 5);
    }(later.get_future());
    later.settle(value);
  }
  CHECK(value.use_count() == 1);
}

TEST_CASE("a continuation is destroyed once it has run, and its captures with it") {
  const auto captured = std::make_shared<int>(5);
  promise<int> later; // outlives the continuation
  later.get_future().then([captured](cairn::result<int>&&) {});
  later.settle(1);
  CHECK(captured.use_count() == 1);
}

TEST_CASE("a future that is dropped drops the outcome and not the command") {
  const auto value = std::make_shared<int>(5);
  {
    promise<shared> later;
    { const auto dropped = later.get_future(); }
    later.settle(value);
  }
  CHECK(value.use_count() == 1);
}

TEST_CASE_FIXTURE(engine_fixture, "the futures of calls are taken by then and co_await, too") {
  auto accounts = engine.host<account>();
  std::vector<cairn::version> seen;
  std::uint64_t balance = 0;
  accounts.ask("a", put(5)).then([&](cairn::result<cairn::reply>&& outcome) {
    seen.push_back(outcome.value().version());
  });
  const auto two_steps = [](cairn::aggregates<account> on, std::vector<cairn::version>& into,
                            std::uint64_t& balance_after) -> detached {
    const auto reply = co_await on.ask("a", put(5));
    into.push_back(reply.value().version());
    balance_after = (co_await balance_of(on, "a")).value();
  };
  two_steps(accounts, seen, balance);
  CHECK(seen.empty());
  engine.run();
  CHECK(seen == std::vector<cairn::version>{1_ver, 2_ver});
  CHECK(balance == 10);
}

TEST_CASE_FIXTURE(engine_fixture, "a query function may take the version, and move its captures") {
  auto accounts = engine.host<account>();
  REQUIRE(engine.finish(accounts.ask("a", put(5))));
  auto owned = std::make_unique<int>(2);
  auto call = accounts.query(
      "a", [owned = std::move(owned)](const account_state& now, cairn::version version) {
        return now.balance + version.number() + static_cast<std::uint64_t>(*owned);
      });
  CHECK(engine.finish(std::move(call)).value() == 8);
}

TEST_CASE_FIXTURE(engine_fixture, "a command whose kind is known only at run time is asked, too") {
  auto accounts = engine.host<account>();
  account::command command = put(5);
  CHECK(engine.finish(accounts.ask("a", command)).value().accepted());
  command = take(6);
  CHECK(!engine.finish(accounts.ask("a", command)).value().accepted());
}
