// The machine that follows the log, turn by turn.

#include "consumer_fixture.hpp"
#include "literals.hpp"

#include <list>

using namespace test;
using cairn::consumer_state;
using cairn::errc;
using cairn::event_selection;
using kind = cairn::projection_decision::kind;

namespace {

cairn::detail::consumer_options two_a_batch() {
  return {.thread_name = "test", .batch = {.events = 2, .time = 1h}};
}

cairn::detail::consumer_options three_attempts() {
  return {.thread_name = "test",
          .batch = {.events = 100, .time = 1h},
          .max_attempts = 3,
          .initial_backoff = 10ms,
          .max_backoff = 15ms};
}

cairn::detail::consumer_options inlined() {
  auto options = three_attempts();
  options.is_inline = true;
  return options;
}

} // namespace

TEST_CASE("a consumer applies each event once, in order, and commits each batch's last position") {
  stepped_consumer at{two_a_batch()};
  at.append_some(5);
  at.machine.turn();
  CHECK(at.target.committed_positions() == positions{2_pos});
  CHECK(at.state() == consumer_state::catching_up);
  at.run();
  CHECK(at.target.applied == positions{1_pos, 2_pos, 3_pos, 4_pos, 5_pos});
  CHECK(at.target.committed_positions() == positions{2_pos, 4_pos, 5_pos});
  CHECK(at.state() == consumer_state::following);
  CHECK_FALSE(at.machine.wants_turn());
  at.append();
  CHECK(at.machine.wants_turn());
  at.run();
  CHECK(at.target.committed_positions() == positions{2_pos, 4_pos, 5_pos, 6_pos});
}

TEST_CASE("a checkpoint carries the mark of the event at its position, whoever computed it") {
  for (const auto& selection : {event_selection::all(), event_selection::tagged("odd")}) {
    stepped_consumer at{two_a_batch(), selection};
    at.append("a", {"odd"});
    at.append();
    at.run();
    REQUIRE_FALSE(at.target.commits.empty());
    CHECK(at.target.commits.back() == at.machine.source().checkpoint_at(2_pos));
    CHECK(at.target.commits.back().event_fingerprint != 0);
  }
}

TEST_CASE("a batch ends when its time is over, and the next one goes on behind it") {
  stepped_consumer at{{.thread_name = "test", .batch = {.events = 100, .time = 10ms}}};
  at.append_some(20);
  at.target.on_apply = [&](cairn::position) { at.now += 1ms; };
  at.run();
  CHECK(at.target.committed_positions()
        == positions{16_pos, 20_pos}); // the clock is read after each eighth
  CHECK(at.target.applied.size() == 20);
}

TEST_CASE("a consumer applies only what is selected, and passes over the rest") {
  const auto stream = cairn::stream_id::make("account", "a").value();
  for (const auto& selection :
       {event_selection::of_stream(stream), event_selection::tagged("wanted")}) {
    for (const std::size_t batch : {1, 2, 100}) {
      stepped_consumer at{{.thread_name = "test", .batch = {.events = batch, .time = 1h}},
                          selection};
      for (const auto* id : {"b", "a", "a", "b", "a", "b", "b"})
        at.append(id, std::string_view{id} == "a" ? std::vector<std::string>{"wanted"}
                                                  : std::vector<std::string>{});
      at.run();
      CHECK(at.target.applied == positions{2_pos, 3_pos, 5_pos});
      CHECK(at.target.position() == 7_pos);
      CHECK(at.state() == consumer_state::following);
      at.append("b");
      at.append("a", {"wanted"});
      at.run();
      CHECK(at.target.applied == positions{2_pos, 3_pos, 5_pos, 9_pos});
    }
  }
}

TEST_CASE("an event that fails at first is applied once, and so are those before it") {
  stepped_consumer at{three_attempts()};
  at.append_some(4);
  at.target.failures[3_pos] = 2;
  at.run();
  CHECK(at.pauses == std::vector{10ms, 15ms});
  CHECK(at.target.applied == positions{1_pos, 2_pos, 3_pos, 4_pos});
  CHECK(at.target.committed_positions() == positions{2_pos, 3_pos, 4_pos});
  CHECK(at.state() == consumer_state::following);
}

TEST_CASE("an event that fails at every attempt stops the consumer behind the event before it") {
  for (const auto& selection :
       {event_selection::all(),
        event_selection::of_stream(cairn::stream_id::make("account", "a").value())}) {
    stepped_consumer at{three_attempts(), selection};
    at.append_some(4);
    at.target.failures[3_pos] = 99;
    at.run();
    CHECK(at.state() == consumer_state::stopped);
    CHECK(at.target.position() == 2_pos);
    CHECK(at.target.applied == positions{1_pos, 2_pos});
    const auto status = at.machine.status();
    CHECK(status.attempts == 3);
    REQUIRE(status.last_error);
    CHECK(status.last_error->position() == 3_pos);
    const auto stopped = at.machine.stopped();
    REQUIRE(stopped);
    CHECK(stopped->position == 3_pos);
    CHECK_FALSE(at.machine.wants_turn());
    at.append();
    CHECK_FALSE(at.machine.wants_turn());

    SUBCASE("retry tries it as often as at first") {
      at.target.failures[3_pos] = 2;
      REQUIRE(at.decide(kind::retry));
      at.run();
      CHECK(at.target.applied == positions{1_pos, 2_pos, 3_pos, 4_pos, 5_pos});
    }
    SUBCASE("park goes on behind it") {
      REQUIRE(at.decide(kind::park));
      CHECK(at.target.position() == 3_pos);
      at.run();
      CHECK(at.target.applied == positions{1_pos, 2_pos, 4_pos, 5_pos});
    }
    SUBCASE("skip goes on behind it") {
      REQUIRE(at.decide(kind::skip));
      at.run();
      CHECK(at.target.applied == positions{1_pos, 2_pos, 4_pos, 5_pos});
    }
    CHECK(at.state() == consumer_state::following);
    REQUIRE(at.target.decisions.size() == 1);
    CHECK(at.target.decisions[0].position == 3_pos);
    CHECK(at.target.decisions[0].stream == "account/a");
    CHECK(at.target.decisions[0].attempts == 3);
    CHECK(at.decide(kind::skip).error().code() == errc::not_found);
  }
}

TEST_CASE("a decision that was made elsewhere passes over its event, unless it has been applied") {
  stepped_consumer at{three_attempts()};
  at.append_some(3);
  cairn::projection_decision parked;
  parked.what = kind::park;
  parked.position = 2_pos;
  SUBCASE("before it comes") {
    at.machine.apply_decision_locked(parked);
    at.run();
    CHECK(at.target.applied == positions{1_pos, 3_pos});
  }
  SUBCASE("when it has stopped at the event") {
    at.target.failures[2_pos] = 99;
    at.run();
    REQUIRE(at.state() == consumer_state::stopped);
    at.machine.apply_decision_locked(parked);
    at.run();
    CHECK(at.target.applied == positions{1_pos, 3_pos});
  }
  SUBCASE("a retry is no such decision") {
    parked.what = kind::retry;
    at.machine.apply_decision_locked(parked);
    at.run();
    CHECK(at.target.applied == positions{1_pos, 2_pos, 3_pos});
  }
  CHECK(at.state() == consumer_state::following);
  CHECK(at.target.decisions.empty());
}

TEST_CASE("a paused consumer takes nothing in until it is resumed") {
  stepped_consumer at{three_attempts()};
  at.append_some(2);
  at.run();
  at.machine.pause();
  at.append();
  CHECK_FALSE(at.machine.wants_turn());
  at.machine.turn(); // it had been asked before the pause
  CHECK(at.target.position() == 2_pos);
  CHECK(at.state() == consumer_state::paused);
  at.machine.resume();
  CHECK(at.state() == consumer_state::catching_up);
  at.run();
  CHECK(at.target.position() == 3_pos);
}

TEST_CASE("a pause between two attempts waits with the event, and resuming tries it again") {
  stepped_consumer at{three_attempts()};
  at.append_some(2);
  at.target.failures[2_pos] = 1;
  at.during_pause = [&] { at.machine.pause(); };
  at.run();
  CHECK(at.state() == consumer_state::paused);
  CHECK(at.target.applied == positions{1_pos});
  at.during_pause = nullptr;
  at.machine.resume();
  at.run();
  CHECK(at.target.applied == positions{1_pos, 2_pos});
}

TEST_CASE("a commit that fails is made again, and no event of its batch is applied again") {
  for (const auto code : {errc::storage_full, errc::io_failed}) {
    stepped_consumer at{three_attempts()};
    at.append_some(3);
    at.target.commit_failures = {cairn::error{code, "no"}, cairn::error{code, "no"}};
    at.machine.turn();
    CHECK(at.target.commits.empty());
    CHECK(at.machine.status().last_error.value().code() == code);
    CHECK(at.state() == consumer_state::catching_up);
    at.append();
    at.run();
    CHECK(at.target.committed_positions() == positions{3_pos, 4_pos});
    CHECK(at.target.applied == positions{1_pos, 2_pos, 3_pos, 4_pos});
  }
}

TEST_CASE("a failed commit comes before the event at which the batch ended") {
  stepped_consumer at{three_attempts()};
  at.append_some(3);
  at.target.failures[3_pos] = 1;
  at.target.commit_failures = {cairn::error{errc::storage_full, "no"}};
  at.machine.turn();
  CHECK(at.pauses.empty()); // no attempt of an event that may come again
  at.run();
  CHECK(at.target.applied == positions{1_pos, 2_pos, 3_pos});
}

TEST_CASE("an error that waiting cannot mend stops the consumer, and there is nothing to decide") {
  stepped_consumer at{three_attempts()};
  at.append();
  at.target.commit_failures = {cairn::error{errc::outcome_unknown, "who knows"}};
  at.run();
  CHECK(at.state() == consumer_state::stopped);
  CHECK(at.machine.stopped().value().position == 0_pos);
  CHECK(at.machine.stopped().value().why.code() == errc::outcome_unknown);
  CHECK(at.decide(kind::skip).error().code() == errc::not_found);
}

TEST_CASE("a consumer that is told to end commits what it has applied, and begins nothing more") {
  stepped_consumer at{three_attempts()};
  at.append_some(3);
  at.target.on_apply = [&](cairn::position position) {
    if (position == 2_pos)
      at.machine.retire();
  };
  at.machine.turn();
  CHECK(at.target.committed_positions() == positions{2_pos});
  CHECK_FALSE(at.machine.wants_turn());
  CHECK(at.state() == consumer_state::closed);
}

TEST_CASE("a consumer that is told to end between two attempts makes no other") {
  stepped_consumer at{three_attempts()};
  at.append();
  at.target.failures[1_pos] = 99;
  at.during_pause = [&] { at.machine.retire(); };
  at.machine.turn();
  CHECK(at.pauses.size() == 1);
  CHECK(at.target.applied.empty());
}

TEST_CASE("an inlined consumer is advanced by its caller once it has caught up") {
  stepped_consumer at{inlined()};
  at.append_some(2);
  at.machine.advance_inline(2_pos);
  CHECK(at.target.position() == 0_pos); // not before
  at.machine.turn();
  CHECK(at.state() == consumer_state::following);
  at.append();
  at.machine.advance_inline(3_pos);
  CHECK(at.target.position() == 3_pos);
  at.append(); // by another process: no reply brings it
  at.machine.turn();
  CHECK(at.target.position() == 4_pos);
}

TEST_CASE("an inlined consumer takes in what came while it caught up, before it follows") {
  stepped_consumer at{inlined()};
  at.append_some(2);
  at.target.on_apply = [&](cairn::position position) {
    if (position == 2_pos)
      at.append(); // its reply has left by now
  };
  at.machine.turn();
  CHECK(at.state() == consumer_state::following);
  CHECK(at.target.position() == 3_pos);
}

TEST_CASE("an event that fails inline is left to the consumer's turns, and replies do not wait") {
  stepped_consumer at{inlined()};
  at.append();
  at.run_once();
  at.append_some(2);
  at.target.failures[2_pos] = 2;
  at.machine.advance_inline(3_pos);
  CHECK(at.target.position() == 1_pos);
  CHECK(at.pauses.empty());
  at.machine.advance_inline(3_pos); // the next reply does not try it
  CHECK(at.target.failures[2_pos] == 1);
  at.run_once();
  CHECK(at.pauses == std::vector{10ms, 15ms});
  CHECK(at.target.position() >= 2_pos);
  at.run_once();
  CHECK(at.target.applied == positions{1_pos, 2_pos, 3_pos});
  at.append();
  at.machine.advance_inline(4_pos); // and inline again
  CHECK(at.target.position() == 4_pos);
}

TEST_CASE("what is in memory yet is not read from the log, and what is missing there is") {
  stepped_consumer at{inlined()};
  at.append();
  at.run_once();
  REQUIRE(at.state() == consumer_state::following);
  std::list<cairn::event_batch> appends;
  const auto kept = [&](std::initializer_list<cairn::position> told) {
    cairn::appended_events recent;
    for (const auto position : told) {
      const cairn::version version{position.number()}; // there is one stream
      recent.add(appends.emplace_back(event_in_memory(version)), {position, version, 1});
    }
    return recent;
  };
  for (cairn::position position{2}; position <= 9_pos; ++position)
    at.append();
  positions from_memory;
  at.target.on_event = [&](const cairn::event_view& event) {
    if (event.stream() == "account/memory")
      from_memory.push_back(event.position());
  };
  SUBCASE("all") {
    const auto recent = kept({2_pos, 3_pos, 4_pos, 5_pos, 6_pos, 7_pos, 8_pos, 9_pos});
    at.machine.advance_inline(9_pos, &recent);
    CHECK(from_memory == positions{2_pos, 3_pos, 4_pos, 5_pos, 6_pos, 7_pos, 8_pos, 9_pos});
  }
  SUBCASE("older ones too") {
    const auto recent = kept({1_pos, 2_pos, 3_pos, 4_pos, 5_pos, 6_pos, 7_pos, 8_pos, 9_pos});
    at.machine.advance_inline(9_pos, &recent);
    CHECK(from_memory == positions{2_pos, 3_pos, 4_pos, 5_pos, 6_pos, 7_pos, 8_pos, 9_pos});
  }
  SUBCASE("not the first") {
    const auto recent = kept({5_pos, 6_pos, 7_pos, 8_pos, 9_pos});
    at.machine.advance_inline(9_pos, &recent);
    CHECK(from_memory.empty());
  }
  SUBCASE("not the last") {
    const auto recent = kept({2_pos, 3_pos});
    at.machine.advance_inline(9_pos, &recent);
    CHECK(from_memory == positions{2_pos, 3_pos});
  }
  SUBCASE("a gap: what lies behind it counts") {
    const auto recent = kept({2_pos, 3_pos, 5_pos, 6_pos});
    at.machine.advance_inline(4_pos);
    at.machine.advance_inline(9_pos, &recent);
    CHECK(from_memory == positions{5_pos, 6_pos});
  }
  SUBCASE("newer ones than are asked for") {
    const auto recent = kept({2_pos, 3_pos, 4_pos, 5_pos, 6_pos});
    at.machine.advance_inline(4_pos, &recent);
    CHECK(at.target.position() == 4_pos);
    CHECK(from_memory == positions{2_pos, 3_pos, 4_pos});
  }
  SUBCASE("one of which fails") {
    at.target.failures[4_pos] = 1;
    const auto recent = kept({2_pos, 3_pos, 4_pos, 5_pos, 6_pos, 7_pos, 8_pos, 9_pos});
    at.machine.advance_inline(9_pos, &recent);
    CHECK(at.target.position() == 3_pos);
    at.run_once(); // from the log
    CHECK(from_memory == positions{2_pos, 3_pos, 4_pos});
  }
  at.machine.advance_inline(9_pos);
  at.run_once();
  CHECK(at.target.applied
        == positions{1_pos, 2_pos, 3_pos, 4_pos, 5_pos, 6_pos, 7_pos, 8_pos, 9_pos});
  CHECK(at.target.position() == 9_pos);
}

TEST_CASE("events in memory are of all streams: a consumer of some reads the log") {
  stepped_consumer at{inlined(),
                      event_selection::of_stream(cairn::stream_id::make("account", "a").value())};
  at.run_once();
  at.append("b");
  cairn::appended_events recent;
  const auto append = event_in_memory(1_ver);
  recent.add(append, {1_pos, 1_ver, 1});
  at.machine.advance_inline(1_pos, &recent);
  CHECK(at.target.applied.empty());
  CHECK(at.target.position() == 1_pos);
}

TEST_CASE("a paused or stopped consumer is not advanced inline") {
  stepped_consumer at{inlined()};
  at.append();
  at.run_once();
  SUBCASE("paused") {
    at.machine.pause();
    at.append();
    at.machine.advance_inline(2_pos);
    CHECK(at.target.position() == 1_pos);
    at.machine.resume();
  }
  SUBCASE("stopped") {
    at.append();
    at.target.failures[2_pos] = 3;
    at.run_once(); // inline
    at.run_once(); // and the other two attempts
    CHECK(at.state() == consumer_state::stopped);
    at.machine.advance_inline(2_pos);
    CHECK(at.target.position() == 1_pos);
    REQUIRE(at.decide(kind::retry));
  }
  at.run_once();
  CHECK(at.target.applied == positions{1_pos, 2_pos});
  at.append();
  at.machine.advance_inline(3_pos);
  CHECK(at.target.position() == 3_pos);
}

TEST_CASE("progress is reported after each batch, and when a consumer stops or may go on") {
  stepped_consumer at{three_attempts()};
  at.append();
  at.machine.turn();
  CHECK(at.progress == 1);
  at.append();
  at.target.failures[2_pos] = 99;
  at.machine.turn();
  CHECK(at.progress == 3); // the batch, and the stop
  at.machine.pause();
  at.machine.resume();
  CHECK(at.progress == 5);
}
