#include "account.hpp"
#include "child_process.hpp"
#include "subscriptions/subscription_hub.hpp"
#include "temporary_directory.hpp"

#include <cairn/lmdb_journal.hpp>

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace cairn;

namespace {

constexpr std::size_t writers = 64;
constexpr auto never = std::chrono::steady_clock::time_point::max();

std::uint64_t events_wanted() {
  const char* scale = std::getenv("CAIRN_TEST_SCALE");
  return scale != nullptr && std::string_view{scale} == "full" ? 10'000'000 : 300'000;
}

/// Sees the log as it must be: each position once, in order, and the versions of each stream too.
class sequence {
public:
  void see(const event_view& event) {
    std::size_t writer = 0;
    const std::string_view id = event.stream().substr(event.stream().find('/') + 1);
    std::from_chars(id.data(), id.data() + id.size(), writer);
    const bool right =
        event.position() == last_ + 1 && writer < writers
        && event.version() == versions_[writer] + 1
        && event.payload().getAs<::test::Withdrawn>().getAmount() == event.version().number();
    if (!right && !first_wrong_)
      first_wrong_ = "position " + to_string(event.position()) + " after " + to_string(last_) + ", "
                     + std::string{event.stream()} + " version " + to_string(event.version());
    last_ = event.position();
    if (writer < writers)
      versions_[writer] = event.version();
  }
  position last() const noexcept { return last_; }
  std::string verdict() const { return first_wrong_.value_or("seen " + to_string(last_)); }

private:
  position last_;
  std::array<version, writers> versions_{};
  std::optional<std::string> first_wrong_;
};

/// A speed of its own: now and then it does something else for a while.
class speed {
public:
  explicit speed(std::uint64_t seed) : random_{seed}, rest_every_{1 + random_() % 2'000} {}
  void go() {
    if (random_() % rest_every_ == 0)
      for (auto left = random_() % 20'000; left > 0; --left)
        std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  std::uint64_t upto(std::uint64_t most) { return 1 + random_() % most; }

private:
  std::mt19937_64 random_;
  std::uint64_t rest_every_;
};

/// By the primitives: waits, replays, stops somewhere, goes on there.
std::string tail_journal(const journal& events, position until, speed pace) {
  sequence seen;
  while (seen.last() < until) {
    if (const auto more = events.wait_beyond(seen.last(), never); !more)
      return more.error().message();
    auto left = pace.upto(5'000);
    const auto went = events.replay_all(seen.last() + 1, [&](const event_view& event) {
      seen.see(event);
      pace.go();
      return --left == 0 ? visit_result::stop : visit_result::proceed;
    });
    if (!went)
      return went.error().message();
  }
  return seen.verdict();
}

/// By pull.
std::string tail_feed(detail::subscription_hub& hub, position until, speed pace) {
  const subscription_options options{.max_batch_events = pace.upto(3'000)};
  auto feed = hub.follow(event_selection::all(), options);
  if (!feed)
    return feed.error().message();
  sequence seen;
  while (seen.last() < until) {
    const auto went = feed->next([&](const event_view& event) {
      seen.see(event);
      pace.go();
      return visit_result::proceed;
    });
    if (!went)
      return went.error().message();
  }
  return seen.verdict();
}

/// All that follows in one process; says what each has seen.
std::vector<std::string> tail_all(const journal& events, position until, std::uint64_t seed) {
  const auto hub = std::make_shared<detail::subscription_hub>(events);
  std::vector<std::string> verdicts(5);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < verdicts.size(); ++i)
    threads.emplace_back([&, i] {
      const speed pace{seed + i};
      verdicts[i] = i % 2 == 0 ? tail_journal(events, until, pace) : tail_feed(*hub, until, pace);
    });
  for (std::thread& thread : threads)
    thread.join();
  hub->close();
  return verdicts;
}

/// Appends batches to a stream of its own until all writers together have appended enough.
void write(journal& to, std::size_t writer, std::atomic<std::int64_t>& left, std::mt19937_64 random,
           std::atomic<int>& failures) {
  const auto stream = stream_id::make("test", std::to_string(writer)).value();
  std::uint64_t number = 0;
  for (;;) {
    const auto wanted = static_cast<std::int64_t>(1 + random() % 64);
    const auto before = left.fetch_sub(wanted);
    event_batch batch;
    for (std::int64_t i = 0; i < std::min(wanted, before); ++i)
      failures += !batch.add(stream, {}, ::test::withdrawn{.amount = ++number});
    if (batch.empty())
      return;
    failures += !to.append(stream, expected_version::any(), std::move(batch));
  }
}

} // namespace

TEST_CASE("64 writers, and who follows them, here and in another process, sees exactly 1..N") {
  const auto wanted_events = events_wanted();
  const position until{wanted_events};
  const std::uint64_t seed = std::random_device{}();
  MESSAGE(wanted_events, " events, seed ", seed);
  const ::test::temporary_directory directory;
  const lmdb_journal_options options{.directory = directory / "journal"};
  REQUIRE(open_lmdb_journal(options).value()->close()); // so that it is there

  cairn::test::child_process other{[&](int pipe) {
    auto events = open_lmdb_journal_for_reading(options);
    if (!events)
      return 1;
    for (const auto& verdict : tail_all(**events, until, seed + 100))
      cairn::test::say(pipe, verdict);
    return (*events)->close() ? 0 : 2;
  }};

  const auto begin = std::chrono::steady_clock::now();
  const auto events = open_lmdb_journal(options).value();
  std::atomic<std::int64_t> left = static_cast<std::int64_t>(wanted_events);
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (std::size_t writer = 0; writer < writers; ++writer)
    threads.emplace_back([&, writer] {
      write(*events, writer, left, std::mt19937_64{seed + 1000 + writer}, failures);
    });
  const auto here = tail_all(*events, until, seed);
  for (std::thread& thread : threads)
    thread.join();
  const std::string wanted = "seen " + to_string(until);
  for (std::size_t i = 0; i < here.size(); ++i) {
    CHECK(here[i] == wanted);
    CHECK(other.read_line() == wanted);
  }
  CHECK(failures == 0);
  CHECK(events->last_position() == until);
  CHECK(events->close());
  CHECK(other.wait() == cairn::test::ending{0, 0});
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  MESSAGE("seen by 10, in ", took.count(), " s");
}
