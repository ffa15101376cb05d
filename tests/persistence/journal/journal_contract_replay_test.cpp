#include "journal_fixture.hpp"
#include "literals.hpp"

#include <array>
#include <atomic>
#include <map>
#include <random>
#include <stdexcept>
#include <thread>

using namespace cairn;
using namespace cairn::test;

namespace {

/// Appends events to a few streams in a random order and returns what each must hold.
std::vector<std::vector<seen_event>> scatter(journal& journal, std::vector<stream_id>& streams,
                                             std::size_t appends, unsigned seed) {
  std::vector<std::vector<seen_event>> expected(streams.size());
  std::mt19937 random{seed};
  cairn::position position{};
  for (std::size_t i = 0; i < appends; ++i) {
    const std::size_t which = random() % streams.size();
    const std::size_t count = 1 + random() % 3;
    must(journal.append(streams[which], expected_version::exact(version{expected[which].size()}),
                        notes(streams[which], position.number(), count, random() % 100)));
    for (std::size_t k = 0; k < count; ++k) {
      expected[which].push_back(
          {position + 1, version{expected[which].size() + 1}, position.number()});
      ++position;
    }
  }
  return expected;
}

std::vector<seen_event> versions(const std::vector<seen_event>& events, version from, version to) {
  std::vector<seen_event> part;
  for (const seen_event& event : events)
    if (event.version >= from && event.version <= to)
      part.push_back(event);
  return part;
}

} // namespace

TEST_CASE("a replay gives exactly the stream's events in the range asked for, in order") {
  FOR_EACH_JOURNAL(journal) {
    for (const std::size_t stream_count : {1, 2, 5, 40}) {
      CAPTURE(stream_count);
      std::vector<stream_id> streams;
      for (std::size_t i = 0; i < stream_count; ++i)
        streams.push_back(stream("s" + std::to_string(stream_count) + "-" + std::to_string(i)));
      const auto before = journal.last_position();
      std::vector<std::vector<seen_event>> expected(stream_count);
      {
        const temporary_directory other;
        auto fresh = make_memory_journal();
        expected = scatter(*fresh, streams, 150, 7);
        (void)scatter(journal, streams, 150, 7);
      }
      for (std::size_t i = 0; i < stream_count; ++i) {
        for (seen_event& event : expected[i])
          event.position += before.number();
        const version end{expected[i].size()};
        for (const auto& [from, to] : {std::array{1_ver, to_the_end},
                                       {1_ver, 1_ver},
                                       {2_ver, end},
                                       {end, to_the_end},
                                       {end + 1, to_the_end},
                                       {3_ver, 17_ver},
                                       {5_ver, 4_ver}})
          CHECK(events_of(journal, streams[i], std::max(from, 1_ver), to)
                == versions(expected[i], from, to));
      }
    }
  }
}

TEST_CASE("a replay returns the version of the last event that it visited") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a");
    must(journal.append(a, expected_version::none(), notes(a, 1, 10)));
    const auto all = [](const event_view&) { return visit_result::proceed; };
    CHECK(must(journal.replay(a, 1_ver, to_the_end, all)) == 10_ver);
    CHECK(must(journal.replay(a, 3_ver, 5_ver, all)) == 5_ver);
    CHECK(must(journal.replay(a, 11_ver, to_the_end, all)) == 10_ver);
    CHECK(must(journal.replay(a, 4_ver, 3_ver, all)) == 3_ver);
    CHECK(must(journal.replay(stream("none"), 1_ver, to_the_end, all)) == 0_ver);
    CHECK(must(journal.replay_all(1_pos, all)) == 10_pos);
    CHECK(must(journal.replay_all(7_pos, all)) == 10_pos);
    CHECK(must(journal.replay_all(11_pos, all)) == 10_pos);
    CHECK(must(journal.replay_all(20_pos, all)) == 19_pos);
  }
}

TEST_CASE("a visitor that says stop is not called again") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a");
    must(journal.append(a, expected_version::none(), notes(a, 1, 10)));
    int calls = 0;
    const auto until_third = [&](const event_view&) {
      return ++calls == 3 ? visit_result::stop : visit_result::proceed;
    };
    CHECK(must(journal.replay(a, 1_ver, to_the_end, until_third)) == 3_ver);
    CHECK(calls == 3);
    calls = 0;
    CHECK(must(journal.replay_all(4_pos, until_third)) == 6_pos);
    CHECK(calls == 3);
  }
}

TEST_CASE("positions are gap-free over all streams and each record names its predecessor") {
  FOR_EACH_JOURNAL(journal) {
    std::vector<stream_id> streams{stream("a"), stream("b"), stream("c")};
    (void)scatter(journal, streams, 100, 3);
    cairn::position position{};
    std::map<std::string, seen_event> last;
    must(journal.replay_all(1_pos, [&](const event_view& event) {
      CHECK(event.position() == ++position);
      auto& before = last[std::string{event.stream()}];
      CHECK(event.version() == before.version + 1);
      CHECK(event.previous() == before.position);
      before = {event.position(), event.version(), 0};
      return visit_result::proceed;
    }));
    CHECK(position == journal.last_position());
  }
}

TEST_CASE("an event comes back with everything that it was appended with") {
  FOR_EACH_JOURNAL(journal) {
    const auto cart = must(stream_id::make("shopping-cart", "Käfer/42"));
    const std::array<std::string_view, 2> tags{"customer:7", "größe:xl"};
    event_batch batch;
    const event_metadata full{
        .command_id = {1, 2}, .correlation_id = {3, 4}, .causation_id = {5, 6}, .tags = tags};
    must(batch.add(cart, full, capnp::typeId<Noted>(), [](capnp::AnyPointer::Builder payload) {
      auto noted = payload.initAs<Noted>();
      noted.setNumber(77);
      noted.setText("tea");
    }));
    must(batch.add(cart, {}, capnp::typeId<Tally>(),
                   [](capnp::AnyPointer::Builder payload) { payload.initAs<Tally>().setSum(5); }));
    const auto before = std::chrono::system_clock::now() - std::chrono::seconds{1};
    must(journal.append(cart, expected_version::none(), std::move(batch)));
    const auto after = std::chrono::system_clock::now() + std::chrono::seconds{1};
    int seen = 0;
    must(journal.replay(cart, 1_ver, to_the_end, [&](const event_view& event) {
      CHECK(event.stream() == "shopping-cart/Käfer/42");
      CHECK(event.recorded_at() > before);
      CHECK(event.recorded_at() < after);
      CHECK(event.epoch() == 1);
      CHECK(event.record().getKeyId() == 0);
      if (++seen == 1) {
        CHECK(event.type() == capnp::typeId<Noted>());
        CHECK(event.command_id() == message_id{1, 2});
        CHECK(event.correlation_id() == message_id{3, 4});
        CHECK(event.causation_id() == message_id{5, 6});
        REQUIRE(event.tags().size() == 2);
        CHECK(event.tags()[0] == "customer:7");
        CHECK(event.tags()[1] == "größe:xl");
        CHECK(event.payload().getAs<Noted>().getNumber() == 77);
        CHECK(event.payload().getAs<Noted>().getText() == "tea");
      } else {
        CHECK(event.type() == capnp::typeId<Tally>());
        CHECK(event.command_id().empty());
        CHECK(event.correlation_id().empty());
        CHECK(event.causation_id().empty());
        CHECK(event.tags().size() == 0);
        CHECK(event.payload().getAs<Tally>().getSum() == 5);
      }
      return visit_result::proceed;
    }));
    CHECK(seen == 2);
  }
}

TEST_CASE("a visitor may replay another stream of the same journal") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a"), b = stream("b");
    for (std::uint64_t i = 0; i < 20; ++i) {
      must(journal.append(a, expected_version::any(), notes(a, i)));
      must(journal.append(b, expected_version::any(), notes(b, 100 + i)));
    }
    std::uint64_t visited = 0;
    must(journal.replay(a, 1_ver, to_the_end, [&](const event_view& event) {
      CHECK(number_in(event) == visited++);
      CHECK(events_of(journal, b).size() == 20);
      CHECK(events_of(journal, a, 5_ver, 6_ver).size() == 2);
      return visit_result::proceed;
    }));
    CHECK(visited == 20);
  }
}

TEST_CASE("an exception of the visitor passes through and leaves the journal usable") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a");
    must(journal.append(a, expected_version::none(), notes(a, 1, 3)));
    const auto throwing = [](const event_view&) -> visit_result {
      throw std::runtime_error{"mine"};
    };
    CHECK_THROWS_WITH_AS((void)journal.replay(a, 1_ver, to_the_end, throwing), "mine",
                         std::runtime_error);
    CHECK_THROWS_WITH_AS((void)journal.replay_all(1_pos, throwing), "mine", std::runtime_error);
    CHECK(events_of(journal, a).size() == 3);
    must(journal.close()); // would wait for ever for a reader that was not given back
  }
}

TEST_CASE("a payload that is not what its type says is a corrupt record, with its position") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a");
    must(journal.append(a, expected_version::none(), notes(a, 1, 2)));
    const auto misread = [](const event_view& event) {
      if (event.position() == 2_pos)
        (void)event.payload().getAs<capnp::List<capnp::Text>>().size();
      return visit_result::proceed;
    };
    const error stream_error = failure_of(journal.replay(a, 1_ver, to_the_end, misread));
    CHECK(stream_error.code() == errc::corrupt_record);
    CHECK(stream_error.position() == 2_pos);
    const error log_error = failure_of(journal.replay_all(1_pos, misread));
    CHECK(log_error.code() == errc::corrupt_record);
    CHECK(log_error.position() == 2_pos);
  }
}

TEST_CASE("replays see whole appends while others append, and everything arrives in order") {
  FOR_EACH_JOURNAL(journal) {
    constexpr std::size_t writers = 3, appends = 200, events_each = 3;
    std::vector<stream_id> streams;
    for (std::size_t i = 0; i < writers; ++i)
      streams.push_back(stream("w" + std::to_string(i)));
    std::atomic<std::size_t> running = writers;
    std::atomic<std::size_t> wrong = 0;
    std::vector<std::thread> threads;
    for (std::size_t w = 0; w < writers; ++w)
      threads.emplace_back([&, w] {
        for (std::uint64_t i = 0; i < appends; ++i) {
          const auto landed =
              journal.append(streams[w], expected_version::exact(version{i * events_each}),
                             notes(streams[w], i * events_each + 1, events_each));
          wrong += !landed || landed->first_version != version{i * events_each + 1};
          const auto head = journal.head(streams[w]);
          wrong += !head || head->version != version{(i + 1) * events_each};
        }
        --running;
      });
    const auto check_once = [&] {
      for (const stream_id& id : streams) {
        cairn::version version;
        cairn::position position;
        const auto last = journal.replay(id, 1_ver, to_the_end, [&](const event_view& event) {
          wrong += event.version() != ++version || number_in(event) != version.number();
          wrong += event.position() <= position;
          position = event.position();
          return visit_result::proceed;
        });
        wrong += !last || *last != version || version.number() % events_each != 0;
      }
      cairn::position position{};
      const auto durable = journal.last_position();
      const auto last = journal.replay_all(1_pos, [&](const event_view& event) {
        wrong += event.position() != ++position;
        return visit_result::proceed;
      });
      wrong += !last || position < durable;
    };
    std::thread reader{[&] {
      while (running > 0)
        check_once();
      check_once();
    }};
    for (std::thread& thread : threads)
      thread.join();
    reader.join();
    CHECK(wrong == 0);
    CHECK(journal.last_position() == position{writers * appends * events_each});
  }
}

TEST_CASE("a position in a shard that the journal does not have is refused, and names it") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a");
    must(journal.append(a, expected_version::none(), notes(a, 1)));
    const position elsewhere{1, shard_id{3}};
    const auto nothing = [](const event_view&) { return visit_result::proceed; };
    for (const auto& refused : {failure_of(journal.replay_all(elsewhere, nothing)),
                                failure_of(journal.replay_tag("red", elsewhere, nothing)),
                                failure_of(journal.wait_beyond(
                                    elsewhere, std::chrono::steady_clock::time_point::min()))}) {
      CHECK(refused.code() == errc::invalid_argument);
      CHECK(refused.message().find("3:1") != std::string::npos);
    }
  }
}
