// Those who wait for positions of several shards.

#include "literals.hpp"
#include "projections/position_waiters.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using cairn::errc;
using cairn::position;
using cairn::shard_id;
using cairn::detail::position_waiters;
using awaited = cairn::future<position>;

namespace {

constexpr position_waiters::time_point start{};
constexpr auto never = position_waiters::time_point::max();

/// A position of shard 3; those of shard 0 are literals.
constexpr position in_3(std::uint64_t number) {
  return position{number, shard_id{3}};
}

struct waiters_fixture {
  awaited wait_for(position where, position_waiters::time_point deadline = never) {
    return waiters.add(where, deadline);
  }
  void reach(position where) {
    waiters.update(where, [] { return std::optional<cairn::error>{}; });
  }
  void stop_at(position where) {
    waiters.update(where, [] {
      return std::optional{cairn::error{errc::projection_stopped, "it has stopped"}};
    });
  }

  position_waiters waiters;
};

/// What has come of a call; it must have been settled.
cairn::result<position> outcome(awaited& call) {
  REQUIRE(call.ready());
  return call.get();
}

} // namespace

TEST_CASE_FIXTURE(waiters_fixture,
                  "progress in a shard settles those who wait in it, whatever the numbers") {
  auto one = wait_for(1_pos);
  auto five = wait_for(5_pos);
  auto one_in_3 = wait_for(in_3(1));
  auto five_in_3 = wait_for(in_3(5));
  CHECK(waiters.waiting() == 4);
  reach(in_3(4));
  CHECK(outcome(one_in_3).value() == in_3(4));
  CHECK_FALSE(one.ready());
  CHECK_FALSE(five.ready());
  CHECK_FALSE(five_in_3.ready());
  reach(9_pos);
  CHECK(outcome(one).value() == 9_pos);
  CHECK(outcome(five).value() == 9_pos);
  CHECK_FALSE(five_in_3.ready());
  CHECK(waiters.waiting() == 1);
  reach(in_3(5));
  CHECK(outcome(five_in_3).value() == in_3(5));
  CHECK(waiters.waiting() == 0);
}

TEST_CASE_FIXTURE(waiters_fixture, "what a shard has reached is had at once, and is not lost") {
  reach(9_pos);
  reach(in_3(5));
  reach(in_3(2)); // older news
  auto reached = wait_for(9_pos);
  auto reached_in_3 = wait_for(in_3(5));
  auto before_all = wait_for(position::start_of(shard_id{7}));
  auto beyond_in_3 = wait_for(in_3(6));
  CHECK(outcome(reached).value() == 9_pos);
  CHECK(outcome(reached_in_3).value() == in_3(5));
  CHECK(outcome(before_all).value() == position::start_of(shard_id{7}));
  CHECK_FALSE(beyond_in_3.ready());
}

TEST_CASE_FIXTURE(waiters_fixture, "deadlines expire over all shards, in the order of time") {
  std::vector<std::string> late;
  const auto note = [&](position where, std::chrono::seconds after) {
    wait_for(where, start + after).then([&](cairn::result<position>&& came) {
      late.push_back(came ? "not " + to_string(*came) : came.error().message());
      CHECK((came || came.error().code() == errc::deadline_exceeded));
    });
  };
  const auto missed = [](const std::string& where) {
    return "the projection did not reach position " + where + " in time";
  };
  note(1_pos, 4s);
  note(in_3(1), 3s);
  note(9_pos, 2s);
  note(in_3(9), 1s);
  note(in_3(2), 6s);
  note(2_pos, 5s);
  const auto patient = wait_for(7_pos);
  const auto patient_in_3 = wait_for(in_3(7));
  CHECK(waiters.expire(start) == start + 1s);
  CHECK(late.empty());
  CHECK(waiters.expire(start + 3s) == start + 4s);
  CHECK(late == std::vector{missed("3:9"), missed("9"), missed("3:1")});
  CHECK(waiters.waiting() == 5);
  reach(1_pos); // whose deadline is forgotten
  late.clear();
  CHECK(waiters.expire(start + 4s) == start + 5s);
  CHECK(waiters.expire(start + 9s) == never);
  CHECK(late == std::vector{missed("2"), missed("3:2")});
  CHECK(waiters.waiting() == 2);
  CHECK_FALSE(patient.ready());
  CHECK_FALSE(patient_in_3.ready());
}

TEST_CASE_FIXTURE(waiters_fixture,
                  "closing fails those who wait in any shard, and those who come") {
  reach(2_pos);
  auto one = wait_for(9_pos);
  auto two = wait_for(in_3(1), start + 1s);
  waiters.close({errc::shut_down, "it is over"});
  auto later = wait_for(in_3(2));
  for (auto* each : {&one, &two, &later})
    CHECK(outcome(*each).error().code() == errc::shut_down);
  auto reached = wait_for(2_pos);
  CHECK(outcome(reached).value() == 2_pos);
  CHECK(waiters.waiting() == 0);
  CHECK(waiters.expire(start + 2s) == never);
  reach(in_3(1)); // for good, but for what is reached
  auto beyond = wait_for(in_3(2));
  CHECK(outcome(beyond).error().code() == errc::shut_down);
}

TEST_CASE_FIXTURE(waiters_fixture,
                  "what stops the projection fails those who wait in any shard, until it goes on") {
  auto reached_in_3 = wait_for(in_3(4));
  auto beyond = wait_for(1_pos, start + 1s);
  auto beyond_in_3 = wait_for(in_3(5));
  stop_at(in_3(4));
  CHECK(outcome(reached_in_3).value() == in_3(4));
  auto later = wait_for(1_pos);
  for (auto* each : {&beyond, &beyond_in_3, &later})
    CHECK(outcome(*each).error().code() == errc::projection_stopped);
  CHECK(waiters.waiting() == 0);
  CHECK(waiters.expire(start + 2s) == never);
  reach(in_3(4)); // it goes on
  auto again = wait_for(1_pos);
  CHECK_FALSE(again.ready());
  reach(1_pos);
  CHECK(outcome(again).value() == 1_pos);
}
