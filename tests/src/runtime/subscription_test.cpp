#include <cairn/runtime.hpp>

#include "account.hpp"
#include "literals.hpp"
#include "temporary_directory.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace test;
using cairn::errc;
using cairn::event_info;
using cairn::event_selection;
using cairn::event_view;
using cairn::subscription_start;

namespace {

deposit put(std::uint64_t amount) {
  return {.amount = amount, .note = {}};
}

/// Opened, latched: lets a thread pass, for good.
class gate {
public:
  void open() { promise_.set_value(); }
  void pass() const { future_.wait(); }

private:
  std::promise<void> promise_;
  std::shared_future<void> future_ = promise_.get_future();
};

/// Waits until `count` has reached `wanted`.
void reach(const std::atomic<std::uint64_t>& count, std::uint64_t wanted) {
  for (auto now = count.load(); now < wanted; now = count.load())
    count.wait(now);
}

void add_one(std::atomic<std::uint64_t>& count) {
  ++count;
  count.notify_all();
}

void put_many(const cairn::aggregates<account>& accounts, std::string_view id, int count) {
  std::vector<cairn::future<cairn::reply>> sent;
  for (int i = 0; i < count; ++i)
    sent.push_back(accounts.ask(id, put(1)));
  for (auto& call : sent)
    REQUIRE(call.get().value().accepted());
}

} // namespace

TEST_CASE("a subscription shows the past and what comes, once each and in order") {
  const temporary_directory directory;
  for (const bool on_disk : {false, true}) {
    CAPTURE(on_disk);
    auto runtime =
        cairn::runtime::open({.storage = on_disk ? cairn::storage{cairn::lmdb{directory / "data"}}
                                                 : cairn::in_memory{}})
            .value();
    auto accounts = runtime.host<account>().value();
    put_many(accounts, "a", 1'500);
    std::atomic<std::uint64_t> seen = 0, wrong = 0;
    auto all = runtime
                   .subscribe(event_selection::all(),
                              [&](const event_view& event) {
                                wrong += event.position() != cairn::position{seen + 1};
                                add_one(seen);
                              })
                   .value();
    put_many(accounts, "b", 1'500);
    reach(seen, 3'000);
    CHECK(all.active());
    all.close();
    CHECK_FALSE(all.active());
    CHECK(all.wait());
    CHECK(all.position() == 3'000_pos);
    CHECK(wrong == 0);
    CHECK(runtime.close());
  }
}

TEST_CASE("a typed handler sees the events it has an overload for, as values or in place") {
  auto runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
  auto accounts = runtime.host<account>().value();
  std::vector<std::string> log; // the subscription's, then the test's
  std::promise<void> done;
  const cairn::overloaded handler{
      [&](const event_info& info, const withdrawn& e) {
        log.push_back(std::string{info.aggregate_id} + " -" + std::to_string(e.amount));
      },
      [&](const event_info& info, Deposited::Reader e) {
        log.push_back(std::string{info.aggregate_id} + " +" + std::to_string(e.getAmount()));
      },
      [&](const event_info& info, const closed&) {
        log.push_back(to_string(info.version));
        done.set_value();
      }};
  auto of_type = accounts.subscribe(handler).value();
  REQUIRE(accounts.ask("a", put(9)).get());
  REQUIRE(accounts.ask("b", put(5)).get());
  REQUIRE(accounts.ask("a", transfer{.amount = 3, .fee = 1}).get()); // no overload for the fee
  REQUIRE(accounts.ask("a", test::close{}).get());
  done.get_future().wait();
  of_type.close();
  CHECK(log == std::vector<std::string>{"a +9", "b +5", "a -3", "4"});

  std::atomic<std::uint64_t> versions = 0;
  auto of_one =
      accounts.subscribe("a", [&](const event_info&, const account::event&) { add_one(versions); })
          .value();
  reach(versions, 4);
  of_one.close();
  CHECK(versions == 4);
  CHECK(accounts.subscribe("", [](const event_info&, const account::event&) {}).error().code()
        == errc::invalid_argument);

  const auto nothing = [](const event_info&, int) {};
  static_assert(!cairn::detail::event_handler_of<decltype(nothing), account>);
}

TEST_CASE("a handler that throws stops its subscription, loudly, and no other") {
  auto runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
  auto accounts = runtime.host<account>().value();
  std::atomic<std::uint64_t> seen = 0;
  auto healthy =
      runtime.subscribe(event_selection::all(), [&](const event_view&) { add_one(seen); }).value();
  std::optional<cairn::error> told;
  const cairn::subscription_options options{
      .on_failure = [&](const cairn::error& failure) { told = failure; }};
  const auto third = [](const event_view& event) {
    if (event.position() == 3_pos)
      throw std::runtime_error{"not this one"};
  };
  auto failing = runtime.subscribe(event_selection::all(), third, options).value();
  put_many(accounts, "a", 10);
  const auto ended = failing.wait();
  REQUIRE(!ended);
  CHECK(ended.error().code() == errc::handler_failed);
  CHECK(ended.error().position() == 3_pos);
  CHECK(ended.error().message().find("not this one") != std::string::npos);
  CHECK(told == ended.error());
  CHECK(failing.position() == 2_pos); // where to begin again
  CHECK_FALSE(failing.active());
  reach(seen, 10);
  CHECK(healthy.active());
}

TEST_CASE("an event of another type than expected ends a subscription with its position") {
  auto runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
  auto accounts = runtime.host<account>().value();
  put_many(accounts, "a", 2);
  const auto misread = [](const event_view& event) {
    (void)event.payload().getAs<capnp::List<capnp::Text>>();
  };
  auto raw = runtime.subscribe(event_selection::all(), misread).value();
  const auto ended = raw.wait();
  REQUIRE(!ended);
  CHECK(ended.error().code() == errc::corrupt_record);
  CHECK(ended.error().position() == 1_pos);
}

TEST_CASE("once a subscription is closed its handler is not called any more") {
  auto runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
  auto accounts = runtime.host<account>().value();
  put_many(accounts, "a", 100);
  for (int round = 0; round < 50; ++round) {
    auto calls = std::make_unique<std::atomic<int>>(0); // gone right after the close
    auto follower = runtime.subscribe(event_selection::all(),
                                      [&, count = calls.get()](const event_view&) { ++*count; });
    REQUIRE(follower);
    std::thread other{[&] { follower->close(); }};
    follower->close();
    other.join();
    const int then = *calls;
    put_many(accounts, "a", 1);
    CHECK(*calls == then);
    calls.reset();
  }
}

TEST_CASE("a handler may close its own subscription, drop its handle, and close another's") {
  auto runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
  auto accounts = runtime.host<account>().value();
  put_many(accounts, "a", 10);
  gate ready;
  std::atomic<std::uint64_t> first_calls = 0, second_calls = 0;
  std::optional<cairn::subscription> first, second;
  first = runtime
              .subscribe(event_selection::all(),
                         [&](const event_view&) {
                           ready.pass();
                           add_one(first_calls);
                           first->close();
                         })
              .value();
  second = runtime
               .subscribe(event_selection::all(),
                          [&](const event_view&) {
                            ready.pass();
                            first->close();
                            add_one(second_calls);
                            second.reset();
                          })
               .value();
  ready.open();
  CHECK(first->wait());
  reach(second_calls, 1);
  put_many(accounts, "a", 10);
  first->close();
  CHECK(first_calls <= 1);
  CHECK(runtime.close()); // waits for the second one's thread
  CHECK(second_calls == 1);
}

TEST_CASE("closing the runtime ends subscriptions and feeds, wherever they are") {
  const temporary_directory directory;
  for (const bool on_disk : {false, true}) {
    CAPTURE(on_disk);
    auto runtime =
        cairn::runtime::open({.storage = on_disk ? cairn::storage{cairn::lmdb{directory / "data"}}
                                                 : cairn::in_memory{}})
            .value();
    auto accounts = runtime.host<account>().value();
    put_many(accounts, "a", 2);
    std::atomic<std::uint64_t> answered = 0;
    // One that asks the runtime from its handler, for ever; one that waits; a feed that waits.
    auto asking = runtime
                      .subscribe(event_selection::of_type("account"),
                                 [&](const event_view&) {
                                   (void)accounts.ask("b", put(1)).get();
                                   add_one(answered);
                                 })
                      .value();
    auto idle = runtime
                    .subscribe(event_selection::tagged("none"), [](const event_view&) {},
                               {.start = subscription_start::now()})
                    .value();
    auto feed = runtime.follow(event_selection::tagged("none")).value();
    std::optional<cairn::result<std::size_t>> last;
    std::thread puller{[&] {
      do
        last = feed.next([](const event_view&) { return cairn::visit_result::proceed; });
      while (*last && last->value() > 0);
    }};
    reach(answered, 20);
    CHECK(runtime.close());
    puller.join();
    CHECK((!*last || last->value() == 0));
    CHECK(asking.wait());
    CHECK(idle.wait());
    CHECK_FALSE(asking.active());
    CHECK(runtime.subscribe(event_selection::all(), [](const event_view&) {}).error().code()
          == errc::shut_down);
    CHECK(accounts.subscribe([](const event_info&, const account::event&) {}).error().code()
          == errc::shut_down);
  }
}

TEST_CASE("a subscriber that is stuck holds up neither the writer, nor others, nor any page") {
  // The same load, once with nobody looking and once with a handler that never returns: LMDB must
  // be able to use its freed pages again either way.
  const auto pages_after = [](bool stuck) {
    const temporary_directory directory;
    cairn::runtime_options options{
        .storage = cairn::lmdb{.directory = directory / "data", .flush_interval_events = 64}};
    auto runtime = cairn::runtime::open(options).value();
    auto accounts = runtime.host<account>({.snapshot_every = 10}).value();
    put_many(accounts, "a", 10);
    gate release;
    std::atomic<std::uint64_t> begun = 0, others = 0;
    std::optional<cairn::subscription> slow, quick;
    if (stuck) {
      slow = runtime
                 .subscribe(event_selection::all(),
                            [&](const event_view&) {
                              add_one(begun);
                              release.pass();
                            })
                 .value();
      quick = runtime.subscribe(event_selection::all(), [&](const event_view&) { add_one(others); })
                  .value();
      reach(begun, 1);
    }
    for (int i = 0; i < 1'000; ++i) // a commit each
      put_many(accounts, std::to_string(i % 5), 1);
    if (stuck) {
      reach(others, 1'010);
      CHECK(begun == 1);
      quick->close(); // so that nobody reads: what is left is the one that is stuck
      CHECK(runtime.status().journal.oldest_reader == std::chrono::milliseconds{0});
    }
    const auto bytes = std::filesystem::file_size(directory / "data" / "journal.mdb");
    release.open();
    CHECK(runtime.close());
    return bytes / 4096;
  };
  const auto alone = pages_after(false), beside = pages_after(true);
  MESSAGE("pages: ", alone, " alone, ", beside, " beside a stuck subscriber");
  CHECK(beside < alone + alone / 2 + 64);
}
