#include "account.hpp"
#include "literals.hpp"
#include "subscriptions/subscription_hub.hpp"

#include <cairn/aggregates.hpp>
#include <cairn/memory_journal.hpp>

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace test;
using namespace cairn;

namespace {

using clock = std::chrono::steady_clock;
using positions = std::vector<cairn::position>;
constexpr auto at_once = clock::time_point::min();

stream_id stream(std::string_view type, std::string_view id) {
  return stream_id::make(type, id).value();
}

/// A journal, and feeds on it without a runtime: nothing happens but what the test does.
struct feed_fixture {
  ~feed_fixture() { hub->close(); }

  cairn::position append(const stream_id& to, std::size_t count = 1,
                         std::vector<std::string_view> tags = {}) {
    event_batch batch;
    for (std::size_t i = 0; i < count; ++i)
      REQUIRE(batch.add(to, {.tags = tags}, withdrawn{.amount = ++appended}));
    return journal->append(to, expected_version::any(), std::move(batch)).value().first_position;
  }

  event_feed follow(const event_selection& selection, const subscription_options& options = {}) {
    return hub->follow(selection, options).value();
  }

  std::unique_ptr<cairn::journal> journal = make_memory_journal();
  std::shared_ptr<detail::subscription_hub> hub =
      std::make_shared<detail::subscription_hub>(*journal);
  std::uint64_t appended = 0;
};

/// The positions that the feed has ready, all batches.
positions rest_of(event_feed& feed) {
  positions seen;
  const auto note = [&](const event_view& event) {
    // The payload is the event's number, which is its position here: so a copy is the right one.
    CHECK(event.payload().getAs<Withdrawn>().getAmount() == event.position().number());
    seen.push_back(event.position());
    return visit_result::proceed;
  };
  while (feed.next(note, at_once).value() > 0) {
  }
  return seen;
}

positions from_to(cairn::position first, cairn::position last) {
  positions all;
  for (; first <= last; ++first)
    all.push_back(first);
  return all;
}

/// The same aggregate as an older program knew it: with fewer events.
struct older_account {
  static constexpr std::string_view type_name = "account";
  using state = account_state;
  using command = std::variant<test::close>;
  using event = std::variant<test::closed>;
  static cairn::decision<event> decide(const state&, const test::close&) { return closed{}; }
  static void evolve(state&, const test::closed&) {}
};

} // namespace

TEST_CASE_FIXTURE(feed_fixture, "what was there and what comes later is one sequence, no seam") {
  const auto a = stream("account", "a"), b = stream("account", "b");
  append(a, 3);
  append(b, 2);
  auto feed = follow(event_selection::all());
  CHECK(feed.position() == 0_pos);
  CHECK(rest_of(feed) == from_to(1_pos, 5_pos));
  CHECK(feed.position() == 5_pos);
  CHECK(rest_of(feed).empty());
  append(a, 1);
  append(b, 4);
  CHECK(rest_of(feed) == from_to(6_pos, 10_pos));
}

TEST_CASE_FIXTURE(feed_fixture, "a feed begins at the beginning, after a position, or now") {
  const auto a = stream("account", "a");
  append(a, 5);
  for (const auto& selection : {event_selection::all(), event_selection::of_type("account"),
                                event_selection::of_stream(a)}) {
    auto all = follow(selection),
         later = follow(selection, {.start = subscription_start::after(3_pos)}),
         none = follow(selection, {.start = subscription_start::after(journal->last_position())}),
         live = follow(selection, {.start = subscription_start::now()});
    const auto last = journal->last_position();
    CHECK(live.position() == last);
    append(a, 2);
    CHECK(rest_of(all) == from_to(1_pos, last + 2));
    CHECK(rest_of(later) == from_to(4_pos, last + 2));
    CHECK(rest_of(none) == from_to(last + 1, last + 2));
    CHECK(rest_of(live) == from_to(last + 1, last + 2));
  }
}

TEST_CASE_FIXTURE(feed_fixture, "a selection shows its events and moves on over the others") {
  const auto a = stream("account", "a"), other = stream("account-2", "a");
  append(a, 1, {"red", "blue"});
  append(other, 1, {"red"});
  append(a, 1, {"redder"});
  append(a, 1);
  append(other, 1, {"blue"});
  auto type = follow(event_selection::of_type("account"));
  auto tag = follow(event_selection::tagged("red"));
  auto one = follow(event_selection::of_stream(other));
  auto nothing = follow(event_selection::of_stream(stream("account", "nobody")));
  CHECK(rest_of(type) == positions{1_pos, 3_pos, 4_pos});
  CHECK(rest_of(tag) == positions{1_pos, 2_pos});
  CHECK(rest_of(one) == positions{2_pos, 5_pos});
  CHECK(rest_of(nothing).empty());
  CHECK(type.position() == 5_pos);
  CHECK(tag.position() == 5_pos);
  CHECK(one.position() == 5_pos);
  CHECK(nothing.position() == 5_pos);
}

TEST_CASE_FIXTURE(feed_fixture, "whatever the batches, each event comes once and in order") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random{seed};
  std::vector<stream_id> streams;
  for (int i = 0; i < 4; ++i)
    streams.push_back(stream(i % 2 == 0 ? "account" : "shop", std::to_string(i)));
  const auto append_some = [&](std::map<std::string, positions>& expected) {
    for (std::size_t n = random() % 60; n > 0; --n) {
      const auto& to = streams[random() % streams.size()];
      const std::size_t count = 1 + random() % 3;
      const bool red = random() % 3 == 0;
      const auto first = append(
          to, count, red ? std::vector<std::string_view>{"red"} : std::vector<std::string_view>{});
      for (auto at = first; at < first + count; ++at)
        for (const auto& key : {std::string{}, std::string{to.type()}, to.name()})
          expected[key].push_back(at);
      for (auto at = first; red && at < first + count; ++at)
        expected["#red"].push_back(at);
    }
  };
  for (int round = 0; round < 40; ++round) {
    std::map<std::string, positions> expected;
    append_some(expected);
    const auto start = journal->last_position();
    const bool from_start = round == 0;
    if (!from_start)
      expected.clear();
    const subscription_options options{
        .start = from_start ? subscription_start::beginning() : subscription_start::after(start),
        .max_batch_events = 1 + random() % 9,
        .max_batch_bytes = random() % 2 == 0 ? 1 + random() % 800 : std::size_t{1} << 20};
    append_some(expected);
    auto all = follow(event_selection::all(), options);
    auto type = follow(event_selection::of_type("shop"), options);
    auto one = follow(event_selection::of_stream(streams[2]), options);
    auto tag = follow(event_selection::tagged("red"), options);
    positions seen_all, seen_type, seen_one, seen_tag;
    for (int step = 0; step < 4; ++step) {
      for (auto& [feed, seen] :
           {std::pair{&all, &seen_all}, {&type, &seen_type}, {&one, &seen_one}, {&tag, &seen_tag}})
        for (std::size_t calls = random() % 30; calls > 0; --calls) {
          const std::size_t wanted = 1 + random() % 5;
          std::size_t got = 0;
          const auto took = feed->next(
              [&, &events = *seen](const event_view& event) {
                events.push_back(event.position());
                return ++got == wanted ? visit_result::stop : visit_result::proceed;
              },
              at_once);
          CHECK(took.value() == got);
          if (got > 0 && seen->back() != feed->position())
            CHECK(feed->position()
                  > seen->back()); // moved on over others: all of the batch is seen
        }
      append_some(expected);
    }
    for (auto& [feed, seen] :
         {std::pair{&all, &seen_all}, {&type, &seen_type}, {&one, &seen_one}, {&tag, &seen_tag}}) {
      const auto rest = rest_of(*feed);
      seen->insert(seen->end(), rest.begin(), rest.end());
      CHECK(feed->position() == journal->last_position());
    }
    CHECK(seen_all == expected[""]);
    CHECK(seen_type == expected["shop"]);
    CHECK(seen_one == expected[streams[2].name()]);
    CHECK(seen_tag == expected["#red"]);
  }
}

TEST_CASE_FIXTURE(feed_fixture,
                  "a visitor that stops or throws gets the events after it next time") {
  append(stream("account", "a"), 4);
  auto feed = follow(event_selection::all());
  const auto first = [](const event_view&) { return visit_result::stop; };
  CHECK(feed.next(first).value() == 1);
  CHECK(feed.position() == 1_pos);
  const auto fail = [](const event_view&) -> visit_result { throw std::runtime_error{"no"}; };
  CHECK_THROWS_AS((void)feed.next(fail), std::runtime_error);
  CHECK(feed.position() == 1_pos);
  const auto misread = [](const event_view&) -> visit_result {
    KJ_FAIL_REQUIRE("as a damaged payload would");
  };
  const auto damaged = feed.next(misread);
  REQUIRE(!damaged);
  CHECK(damaged.error().code() == errc::corrupt_record);
  CHECK(damaged.error().position() == 3_pos);
  CHECK(rest_of(feed) == positions{4_pos});
}

TEST_CASE_FIXTURE(feed_fixture,
                  "an empty wait ends by its deadline, by interruption, or by an event") {
  const auto a = stream("account", "a");
  auto feed = follow(event_selection::of_stream(a));
  const auto count = [](const event_view&) { return visit_result::proceed; };
  CHECK(feed.next(count, clock::now() + std::chrono::milliseconds{2}).value() == 0);
  std::thread writer{[&] {
    append(stream("account", "other"));
    append(a);
  }};
  CHECK(feed.next(count).value() == 1);
  writer.join();
  std::thread other{[&] { feed.interrupt(); }};
  CHECK(feed.next(count).value() == 0);
  other.join();
  CHECK(feed.next(count).value() == 0);
}

TEST_CASE_FIXTURE(feed_fixture, "what cannot be followed is refused with its reason") {
  append(stream("account", "a"), 2);
  const auto refused = [&](const event_selection& selection, subscription_options options = {}) {
    const auto made = hub->follow(selection, options);
    REQUIRE(!made);
    CHECK(made.error().code() == errc::invalid_argument);
    return made.error().message();
  };
  CHECK(refused(event_selection::of_type("No Type")).find("No Type") != std::string::npos);
  CHECK(refused(event_selection::tagged("")).find("tag") != std::string::npos);
  CHECK(refused(event_selection::tagged(std::string(129, 'x'))).find("128") != std::string::npos);
  CHECK(refused(event_selection::all(), {.start = subscription_start::after(3_pos)})
            .find("position 3 is beyond")
        != std::string::npos);
  CHECK(refused(event_selection::all(), {.max_batch_events = 0}).find("max_batch")
        != std::string::npos);
}

TEST_CASE_FIXTURE(feed_fixture, "a start in a shard that the journal does not have is refused") {
  append(stream("account", "a"), 2);
  const shard_id elsewhere{3};
  for (const auto start : {cairn::position{1, elsewhere}, cairn::position{9, elsewhere},
                           cairn::position::start_of(elsewhere)}) {
    CAPTURE(start);
    for (const auto& selection : {event_selection::all(), event_selection::tagged("red"),
                                  event_selection::of_stream(stream("account", "a"))}) {
      const auto made = hub->follow(selection, {.start = subscription_start::after(start)});
      REQUIRE(!made);
      CHECK(made.error().code() == errc::invalid_argument);
      CHECK(made.error().message()
            == "position " + to_string(start) + " is in shard 3; this journal has shard 0 only");
    }
  }
}

TEST_CASE_FIXTURE(feed_fixture, "a feed that outlives the end says so") {
  append(stream("account", "a"), 2);
  auto feed = follow(event_selection::all(), {.max_batch_events = 1});
  const auto count = [](const event_view&) { return visit_result::proceed; };
  CHECK(feed.next(count).value() == 1);
  hub->close();
  REQUIRE(journal->close());
  journal.reset();
  CHECK(feed.next(count).error().code() == errc::shut_down);
  CHECK(feed.position() == 1_pos);
}

TEST_CASE_FIXTURE(feed_fixture, "an event of a type that the aggregate does not list ends it") {
  append(stream("account", "a"), 1);
  const auto nothing = [](const event_info&, const older_account::event&) {};
  const auto follower =
      hub->subscribe(event_selection::all(), {},
                     detail::typed_handler<older_account, decltype(nothing)>{nothing})
          .value();
  const auto ended = follower.wait();
  REQUIRE(!ended);
  CHECK(ended.error().code() == errc::evolve_failed);
  CHECK(ended.error().position() == 1_pos);
}

TEST_CASE_FIXTURE(feed_fixture,
                  "a deadline ends a search that finds nothing, and the next goes on there") {
  append(stream("ledger", "a"), 150'000);
  const auto last = append(stream("account", "b"));
  auto feed = follow(event_selection::of_type("account"));
  positions seen;
  const auto note = [&](const event_view& event) {
    seen.push_back(event.position());
    return visit_result::proceed;
  };
  CHECK(feed.next(note, at_once).value() == 0);
  const auto after_one = feed.position();
  CHECK(after_one > 0_pos);
  CHECK(after_one < last);
  CHECK(feed.next(note, at_once).value() == 0);
  CHECK(feed.position() > after_one);
  CHECK(feed.next(note).value() == 1); // without a deadline it does not wait for new events
  CHECK(seen == positions{last});
}
