#include "burst.hpp"
#include "io_shim.hpp"
#include "memory.hpp"
#include "scale.hpp"
#include "temporary_directory.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

using namespace limits;

namespace {

constexpr std::size_t kib = 1024, mib = 1024 * kib;

/// Makes something durable only once ten times as much was offered as fits into the commit.
class slow_disk final : public test::io_observer {
public:
  explicit slow_disk(std::uint64_t offers_a_sync) : offers_a_sync_{offers_a_sync} {}

  void offer() {
    if (offered_.fetch_add(1) % 256 == 0) {
      const std::lock_guard lock{mutex_};
      changed_.notify_all();
    }
  }
  void be_fast() {
    const std::lock_guard lock{mutex_};
    fast_ = true;
    changed_.notify_all();
  }

  std::optional<test::io_failure> before(const test::io_call& call) override {
    if (call.what == test::io_call::kind::sync) {
      std::unique_lock lock{mutex_};
      wanted_ += offers_a_sync_;
      changed_.wait(lock, [&] { return fast_ || offered_.load() >= wanted_; });
    }
    return std::nullopt;
  }
  void after(const test::io_call&, bool) override {}

private:
  const std::uint64_t offers_a_sync_;
  std::atomic<std::uint64_t> offered_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t wanted_ = 0;
  bool fast_ = false;
};

} // namespace

TEST_CASE("ten times as much as the disk takes is refused, counted, and needs no more memory") {
  const test::temporary_directory place{test::memory_directory()};
  constexpr std::size_t payload = 512, backlogs = 64, senders = 3, commit_events = 256;
  auto options = small_runtime(place / "data");
  options.max_outstanding = 2048;
  options.max_outstanding_bytes = mib;
  journal_of(options).max_commit_events = commit_events;
  auto runtime = cairn::runtime::open(options).value();
  burst all{runtime.host<backlog>({.snapshot_every = 0}).value()};
  for (std::size_t i = 0; i < backlogs; ++i)
    all.put(pile_id(i), payload);
  all.wait_for_all();

  slow_disk disk{10 * commit_events};
  test::watch_io(place / "data", &disk);
  const auto offers = test::scaled(60'000, 0); // 0: for 30 s
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  const auto goes_on = [&] {
    return offers == 0 ? std::chrono::steady_clock::now() < end : all.sent() < offers;
  };
  test::heap_watch heap;
  std::mutex heap_mutex;
  std::atomic<bool> within_bounds = true;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < senders; ++i)
    threads.emplace_back([&, i] {
      for (std::size_t n = i; goes_on(); ++n) {
        all.put(pile_id(n % backlogs), payload);
        disk.offer();
        if (n % 512 == 0) {
          const auto now = runtime.status();
          // One that is being refused is counted until it is.
          if (now.outstanding > options.max_outstanding + senders
              || now.outstanding_bytes > options.max_outstanding_bytes + senders * kib)
            within_bounds = false;
          const std::lock_guard lock{heap_mutex};
          heap.look();
        }
      }
    });
  for (auto& each : threads)
    each.join();
  disk.be_fast();
  all.wait_for_all();

  std::cout << "  " << all.sent() << " commands offered, " << all.accepted() << " accepted, "
            << all.overloaded() << " refused" << std::endl;
  CHECK(within_bounds);
  CHECK(all.accepted() + all.overloaded() == all.sent());
  CHECK(all.accepted() <= all.sent() / 10 + options.max_outstanding + backlogs + 2 * commit_events);
  CHECK(all.accepted() >= commit_events);
  CHECK(runtime.status().overloaded == all.overloaded());
  CHECK(runtime.status().journal.last_position.number() == all.accepted());
  // What is outstanding, once as commands and once as records, and what goes along with each.
  check_memory("overload", heap,
               3 * options.max_outstanding_bytes + options.max_outstanding * 2 * kib + 2 * mib);
  CHECK(runtime.close());
  test::watch_io({}, nullptr);
}

TEST_CASE("many more aggregates than may be in memory, activated at once, take turns") {
  const test::temporary_directory place{test::memory_directory()};
  const auto backlogs = test::scaled(20'000, 1'000'000);
  auto options = small_runtime(place / "data");
  options.max_resident = test::scaled(1'000, 50'000);
  options.max_outstanding = 4096;
  auto runtime = cairn::runtime::open(options).value();
  const auto hosted = runtime.host<backlog>().value();
  std::vector<std::size_t> left(backlogs);
  for (std::size_t i = 0; i < backlogs; ++i)
    left[i] = i;
  test::heap_watch heap;
  std::size_t most_resident = 0, refused = 0, rounds = 0;
  for (; !left.empty(); ++rounds) {
    std::vector<std::atomic<bool>> done(left.size());
    std::atomic<std::uint64_t> answered = 0;
    std::atomic<bool> strange = false;
    for (std::size_t i = 0; i < left.size(); ++i) {
      hosted.ask(pile_id(left[i]), put_items{}).then([&, i](cairn::result<cairn::reply>&& told) {
        done[i] = told.has_value();
        if (!told && told.error().code() != cairn::errc::overloaded)
          strange = true;
        ++answered;
        answered.notify_all();
      });
      if (i % 256 == 0) {
        most_resident = std::max(most_resident, runtime.status().resident);
        heap.look();
      }
    }
    for (auto now = answered.load(); now < left.size(); now = answered.load())
      answered.wait(now);
    REQUIRE_FALSE(strange);
    std::vector<std::size_t> again;
    for (std::size_t i = 0; i < left.size(); ++i)
      if (!done[i])
        again.push_back(left[i]);
    refused += again.size();
    left = std::move(again);
    std::this_thread::yield();
  }
  const auto seen = runtime.status();
  std::cout << "  " << backlogs << " backlogs, at most " << most_resident << " in memory of "
            << options.max_resident << ", " << seen.passivations << " passivations, " << refused
            << " refusals" << std::endl;
  CHECK(seen.journal.last_position.number() == backlogs);
  CHECK(seen.overloaded == refused);
  CHECK(most_resident <= options.max_resident + options.max_resident / 4 + 16);
  check_memory("many aggregates", heap,
               (options.max_resident + options.max_resident / 4) * 4 * kib
                   + options.max_outstanding * 2 * kib
                   + 2 * journal_of(options).flush_interval_events * 512 + backlogs * 16 + 4 * mib);
  CHECK(runtime.close());
}

TEST_CASE("while an aggregate of many events is rebuilt, the others go on") {
  const test::temporary_directory place{test::memory_directory()};
  const auto events = test::scaled(20'000, 1'000'000);
  constexpr std::uint32_t a_command = 500;
  constexpr std::size_t others = 16;
  auto options = small_runtime(place / "data");
  options.threads = 3;
  const cairn::aggregate_options kept{.snapshot_every = 0, .max_outstanding = 64};
  {
    auto runtime = cairn::runtime::open(options).value();
    const auto backlogs = runtime.host<backlog>(kept).value();
    put_items many;
    many.count = a_command;
    many.payload.resize(64);
    for (std::uint64_t i = 0; i < events; i += a_command)
      REQUIRE(backlogs.ask("big", many).get());
    REQUIRE(runtime.close());
  }
  for (const std::size_t slots : {1, 2}) {
    options.max_concurrent_rehydrations = slots;
    auto runtime = cairn::runtime::open(options).value();
    const auto backlogs = runtime.host<backlog>(kept).value();
    for (std::size_t i = 0; i < others; ++i) // so that they are in memory
      REQUIRE(backlogs.query(pile_id(i), [](const pile_state& now) { return now.items; }).get());
    burst waiting{backlogs};
    test::heap_watch heap;
    test::latch folding;
    std::uint64_t rounds = 0;
    const latch_at<in_evolve> held{folding};
    folding.shut();
    auto answer = backlogs.query("big", [](const pile_state& now) { return now.items; });
    folding.wait_for_arrival();
    // It is being rebuilt. Its own requests wait, as many as may.
    for (int i = 0; i < 200; ++i)
      waiting.put("big", 64);
    CHECK(waiting.overloaded() == 200 - (kept.max_outstanding - 1));
    // The others are answered; they are only asked, because folding is what is held up.
    for (; rounds < test::scaled(200, 20'000); ++rounds) {
      const auto id = slots == 1 ? pile_id(rounds % others) : "new-" + std::to_string(rounds);
      REQUIRE(backlogs.query(id, [](const pile_state& now) { return now.items; }).get());
    }
    heap.look();
    folding.open();
    CHECK(answer.get().value() == events + (slots - 1) * (kept.max_outstanding - 1));
    waiting.wait_for_all();
    CHECK(waiting.accepted() == kept.max_outstanding - 1);
    std::cout << "  " << rounds << " queries were answered while " << events
              << " events were folded" << std::endl;
    check_memory("a big aggregate", heap, 4 * mib + (slots - 1) * rounds * 4 * kib);
    REQUIRE(runtime.close());
  }
}
