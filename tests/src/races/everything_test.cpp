// Everything a runtime does, at the same time, until it is closed in the midst of it. The counts
// say that nothing was lost; built with ThreadSanitizer, it also says that nothing raced.

#include "ledger_projection.hpp"
#include "member.hpp"
#include "scale.hpp"

#include <atomic>
#include <future>
#include <map>
#include <random>
#include <thread>
#include <vector>

using namespace test;
using namespace std::chrono_literals;
using cairn::errc;

namespace {

constexpr int account_count = 24;

auto from_now(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

cairn::runtime_options small_runtime(const std::filesystem::path& directory) {
  return {.storage = cairn::lmdb{.directory = directory,
                                 .max_commit_events = 16,
                                 .flush_interval_events = 200},
          .threads = 4,
          .max_outstanding = 200,
          .max_resident = 6,
          .max_concurrent_rehydrations = 1};
}

/// A runtime, and what the threads that use it found out together.
struct shop {
  shop(const std::filesystem::path& directory, std::uint64_t seed)
    : runtime{cairn::runtime::open(small_runtime(directory)).value()}, seed_{seed} {}

  std::mt19937_64 random_of_its_own() { return std::mt19937_64{seed_ + next_seed_.fetch_add(1)}; }

  /// Whether there is a value; notes an error that may not be. `shut_down` ends all threads.
  template <class T>
  bool succeeded(const cairn::result<T>& outcome) {
    if (outcome)
      return true;
    switch (outcome.error().code()) {
      case errc::shut_down: over = true; break;
      case errc::overloaded:
      case errc::deadline_exceeded:
      case errc::not_visible:
      case errc::decide_failed: break;
      default: {
        const std::lock_guard lock{mutex};
        surprises.push_back(outcome.error().message());
      }
    }
    return false;
  }

  cairn::runtime runtime;
  cairn::aggregates<account> accounts = runtime.host<account>({.snapshot_every = 5}).value();
  cairn::aggregates<member> members = runtime.host<member>({.snapshot_every = 3}).value();
  cairn::projection<ledger<0>> behind =
      runtime.project<ledger<0>>(small_batches(cairn::projection_mode::async)).value();
  cairn::projection<ledger<1>> inlined =
      runtime.project<ledger<1>>(small_batches(cairn::projection_mode::before_reply)).value();

  std::atomic<bool> over{false};
  std::atomic<std::uint64_t> done{0}; ///< Commands of clients that were answered.
  std::mutex mutex;
  std::vector<std::string> surprises;
  std::map<std::string, std::uint64_t> deposited; ///< By account: what was not refused.

private:
  const std::uint64_t seed_;
  std::atomic<std::uint64_t> next_seed_{0};
};

/// Deposits one at a time under command ids, some of them twice, with queries and failures between.
class client {
public:
  explicit client(shop& in) : in_{in}, random_{in.random_of_its_own()} {}

  void run() {
    while (!in_.over) {
      const auto id = "a" + std::to_string(random_() % account_count);
      switch (random_() % 8) {
        case 0: in_.succeeded(in_.accounts.ask(id, fail{.where = fail_where::decide}).get()); break;
        case 1: look_at(id); break;
        case 2: from_a_continuation(id); break;
        default: deposit_some(id);
      }
    }
  }

private:
  void deposit_some(const std::string& id) {
    struct call {
      cairn::future<cairn::reply> sent;
      bool done_by_repetition;
    };
    std::vector<call> calls;
    for (auto left = random_() % 20 + 1; left > 0; --left) {
      cairn::ask_options options;
      options.command_id = {random_(), random_()};
      if (random_() % 4 == 0)
        options.deadline = from_now(std::chrono::milliseconds{random_() % 4});
      if (random_() % 16 == 0) {
        options.visible_in = {in_.behind, in_.inlined};
        options.deadline = from_now(50ms);
      }
      calls.push_back({in_.accounts.ask(id, put(1), options), false});
      if (random_() % 4 == 0) // the same again, before the first is answered
        calls.back().done_by_repetition = is_done(in_.accounts.ask(id, put(1), options).get());
    }
    std::uint64_t done = 0;
    for (auto& call : calls)
      if (is_done(call.sent.get()) || call.done_by_repetition)
        ++done;
    in_.done += calls.size();
    const std::lock_guard lock{in_.mutex};
    in_.deposited[id] += done;
  }

  /// Whether the command has had its effect. Every other error that may come here says that nothing
  /// was written, for it or for the command that it repeats.
  bool is_done(const cairn::result<cairn::reply>& outcome) {
    return in_.succeeded(outcome) ? outcome->accepted()
                                  : outcome.error().code() == errc::not_visible;
  }

  void look_at(const std::string& id) {
    in_.succeeded(
        in_.accounts.query(id, [](const account_state& now) { return now.balance; }).get());
    in_.succeeded(in_.accounts.history(id, [](const auto&, const auto&) {}));
    in_.succeeded(in_.accounts.state_at_time(id, std::chrono::system_clock::now()));
  }

  void from_a_continuation(const std::string& id) {
    auto second = std::make_shared<std::promise<void>>();
    auto answered = second->get_future();
    in_.accounts.ask(id, touch{}).then([this, id, second](auto&&) {
      in_.accounts.ask(id, touch{}).then([second](auto&&) { second->set_value(); });
    });
    answered.wait();
  }

  shop& in_;
  std::mt19937_64 random_;
};

/// Members who want addresses that others hold: most of what they decide is turned back.
void contend_for_keys(shop& in) {
  auto random = in.random_of_its_own();
  while (!in.over) {
    std::vector<cairn::future<cairn::reply>> sent;
    for (int i = 0; i < 12; ++i) {
      const auto id = "m" + std::to_string(random() % 8);
      const auto address = "street " + std::to_string(random() % 4);
      switch (random() % 4) {
        case 0: sent.push_back(in.members.ask(id, join{.address = address, .town = "u"})); break;
        case 1: sent.push_back(in.members.ask(id, move{.address = address})); break;
        case 2: sent.push_back(in.members.ask(id, leave{})); break;
        default: sent.push_back(in.members.ask(id, greet{.times = 2}));
      }
    }
    for (auto& call : sent) {
      const auto outcome = call.get();
      // Who has no address yet cannot give it up.
      if (outcome || outcome.error().code() != errc::invalid_argument)
        in.succeeded(outcome);
    }
  }
}

/// Subscribes, follows, and lets go again.
void watch(shop& in) {
  auto random = in.random_of_its_own();
  while (!in.over) {
    std::atomic<cairn::position> last{cairn::position{}};
    std::atomic<bool> gap{false};
    auto all = in.runtime.subscribe(cairn::event_selection::all(),
                                    [&](const cairn::event_view& event) {
                                      if (last.exchange(event.position()) + 1 != event.position())
                                        gap = true;
                                    },
                                    {.max_batch_events = random() % 9 + 1});
    auto some = in.accounts.subscribe("a1", [](const cairn::event_info&, const deposited&) {},
                                      {.start = cairn::subscription_start::now()});
    auto feed = in.runtime.follow(cairn::event_selection::tagged("u"));
    if (!in.succeeded(all) || !in.succeeded(some) || !in.succeeded(feed))
      continue;
    in.succeeded(feed->next([](const cairn::event_view&) { return cairn::visit_result::proceed; },
                            from_now(5ms)));
    (void)in.runtime.status();
    all->close();
    CHECK_FALSE(gap);
  }
}

/// What an operator does to projections, and what readers do meanwhile.
void operate(shop& in) {
  auto random = in.random_of_its_own();
  while (!in.over) {
    (void)in.behind.status();
    switch (random() % 6) {
      case 0: in.behind.pause(); break;
      case 1: (void)in.behind.rebuild(); break; // refused while one is under way
      case 2: (void)in.inlined.rebuild(); break;
      default: in.behind.resume();
    }
    for (const auto& view : {in.behind.read(), in.inlined.read()}) {
      if (!in.succeeded(view))
        continue;
      std::uint64_t movements = 0;
      const auto scanned =
          view->scan(ledger<0>::balances, {},
                     [&](const std::string&, const holding& row) { movements += row.movements; });
      CHECK(scanned);
      CHECK(view->get(ledger<0>::totals, 0).value().value_or(holding{}).movements == movements);
    }
    in.succeeded(in.inlined.wait_for(in.behind.position(), from_now(20ms)));
  }
}

} // namespace

TEST_CASE("nothing is lost when everything happens at once and the runtime is closed meanwhile") {
  const auto seed = fresh_seed();
  MESSAGE("CAIRN_TEST_SEED=" << seed);
  const auto rounds = scaled(3, 60);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const temporary_directory directory;
    std::map<std::string, std::uint64_t> deposited;
    {
      shop in{directory / "data", seed + 1000 * round};
      std::vector<std::thread> threads;
      for (int i = 0; i < 3; ++i)
        threads.emplace_back([&] { client{in}.run(); });
      threads.emplace_back([&] { contend_for_keys(in); });
      threads.emplace_back([&] { watch(in); });
      threads.emplace_back([&] { operate(in); });
      while (in.done < 1500)
        std::this_thread::yield();
      CHECK(in.runtime.close());
      in.over = true;
      for (auto& thread : threads)
        thread.join();
      for (const auto& surprise : in.surprises)
        FAIL_CHECK(surprise);
      deposited = in.deposited;
    }
    auto again = cairn::runtime::open({.storage = cairn::lmdb{directory / "data"}}).value();
    const auto accounts = again.host<account>().value();
    for (const auto& [id, sum] : deposited) {
      const auto balance =
          accounts.query(id, [](const account_state& now) { return now.balance; }).get().value();
      CHECK(balance == sum);
    }
    const auto sheet = again.project<ledger<0>>().value();
    REQUIRE(sheet.wait_for(again.journal().last_position(), from_now(60s)));
    check_view<ledger<0>>(again.journal(), sheet.read().value());
    const auto kept = again.project<ledger<1>>().value();
    REQUIRE(kept.wait_for(again.journal().last_position(), from_now(60s)));
    check_view<ledger<1>>(again.journal(), kept.read().value());
  }
}
