#include "child_process.hpp"
#include "journal_fixture.hpp"
#include "literals.hpp"

#include <atomic>
#include <optional>
#include <thread>

#include <unistd.h>

using namespace cairn;
using namespace cairn::test;

namespace {

using clock = std::chrono::steady_clock;
constexpr auto never = clock::time_point::max();

void append_one(journal& journal, const stream_id& to, std::uint64_t number) {
  must(journal.append(to, expected_version::any(), notes(to, number)));
}

/// One thread that waits until told otherwise.
struct waiting_thread {
  waiting_thread(const journal& journal, cairn::position position, const std::stop_token& interrupt)
    : thread{[&journal, position, interrupt, this] {
        outcome = journal.wait_beyond(position, never, interrupt);
      }} {}
  void join() { thread.join(); }

  std::optional<result<position>> outcome;
  std::thread thread; // last: it writes the outcome
};

} // namespace

TEST_CASE("waiting for what is durable already returns at once, whatever the deadline") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a");
    append_one(journal, a, 1);
    append_one(journal, a, 2);
    std::stop_source stopped;
    stopped.request_stop();
    CHECK(must(journal.wait_beyond(0_pos, clock::time_point::min())) == 2_pos);
    CHECK(must(journal.wait_beyond(1_pos, never)) == 2_pos);
    CHECK(must(journal.wait_beyond(1_pos, never, stopped.get_token())) == 2_pos);
  }
}

TEST_CASE("a wait ends at its deadline, with the last position") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a");
    append_one(journal, a, 1);
    CHECK(must(journal.wait_beyond(1_pos, clock::time_point::min())) == 1_pos);
    CHECK(must(journal.wait_beyond(9_pos, clock::now() + std::chrono::milliseconds{2})) == 1_pos);
  }
}

TEST_CASE("who waits is woken by each commit, and by none is passed over") {
  FOR_EACH_JOURNAL(journal) {
    constexpr auto rounds = 300_pos;
    const auto a = stream("a");
    std::atomic<position> seen = 0_pos;
    // Each side goes on only when the other has: a lost wake-up would stop both.
    std::thread follower{[&] {
      for (cairn::position position{}; position < rounds;) {
        const auto last = journal.wait_beyond(position, never);
        if (!last || *last <= position)
          return;
        position = *last;
        seen = position;
        seen.notify_one();
      }
    }};
    for (auto i = 1_pos; i <= rounds; ++i) {
      append_one(journal, a, i.number());
      for (auto position = seen.load(); position < i; position = seen.load())
        seen.wait(position);
    }
    follower.join();
    CHECK(seen == rounds);
  }
}

TEST_CASE("many who wait for different positions all get theirs") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a");
    std::vector<std::thread> threads;
    std::atomic<int> right = 0;
    for (cairn::position position{}; position < 40_pos; ++position)
      threads.emplace_back([&, position] {
        const auto last = journal.wait_beyond(position, never);
        right += last && *last > position;
      });
    for (std::uint64_t i = 0; i < 40; ++i)
      append_one(journal, a, i);
    for (std::thread& thread : threads)
      thread.join();
    CHECK(right == 40);
  }
}

TEST_CASE("an interruption ends the wait it is for, and no other") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a");
    append_one(journal, a, 1);
    std::stop_source mine, other;
    waiting_thread interrupted{journal, 1_pos, mine.get_token()};
    waiting_thread patient{journal, 1_pos, other.get_token()};
    mine.request_stop();
    interrupted.join();
    CHECK(must(*interrupted.outcome) == 1_pos);
    append_one(journal, a, 2);
    patient.join();
    CHECK(must(*patient.outcome) == 2_pos);
  }
}

TEST_CASE("closing a journal ends every wait, and later ones at once") {
  FOR_EACH_JOURNAL(journal) {
    waiting_thread first{journal, 0_pos, {}}, second{journal, 7_pos, {}};
    must(journal.close());
    first.join();
    second.join();
    CHECK(failure_of(*first.outcome).code() == errc::shut_down);
    CHECK(failure_of(*second.outcome).code() == errc::shut_down);
    CHECK(failure_of(journal.wait_beyond(0_pos, never)).code() == errc::shut_down);
  }
}

TEST_CASE("a reading process is told of each commit of the writing one") {
  const temporary_directory directory;
  const auto options = small_options(directory / "j");
  must(must(open_lmdb_journal(options))->close());
  constexpr std::uint64_t rounds = 50;
  int go[2];
  REQUIRE(pipe(go) == 0);
  child_process writer{[&](int) {
    auto opened = open_lmdb_journal(options);
    const auto a = stream("a");
    char c = 0;
    for (std::uint64_t i = 1; i <= rounds; ++i)
      if (!opened || read(go[0], &c, 1) != 1
          || !(*opened)->append(a, expected_version::any(), notes(a, i)))
        return 1;
    return (*opened)->close() ? 0 : 2;
  }};
  const auto reading = must(open_lmdb_journal_for_reading(options));
  for (std::uint64_t i = 0; i < rounds; ++i) {
    REQUIRE(write(go[1], "x", 1) == 1);
    CHECK(must(reading->wait_beyond(position{i}, never)) == position{i + 1});
  }
  CHECK(writer.wait() == ending{0, 0});
  close(go[0]);
  close(go[1]);
}

TEST_CASE("a reading journal's waits end by deadline, interruption and closing") {
  const temporary_directory directory;
  const auto options = small_options(directory / "j");
  must(must(open_lmdb_journal(options))->close());
  const auto reading = must(open_lmdb_journal_for_reading(options));
  CHECK(must(reading->wait_beyond(0_pos, clock::now() + std::chrono::milliseconds{2})) == 0_pos);
  std::stop_source stop;
  waiting_thread interrupted{*reading, 0_pos, stop.get_token()};
  stop.request_stop();
  interrupted.join();
  CHECK(must(*interrupted.outcome) == 0_pos);
  waiting_thread closed{*reading, 0_pos, {}};
  must(reading->close());
  closed.join();
  CHECK(failure_of(*closed.outcome).code() == errc::shut_down);
}
