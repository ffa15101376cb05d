// Projections that several threads fold: the rows are those that one thread comes to.

#include "ledger_projection.hpp"
#include "literals.hpp"

#include "scale.hpp"

#include <condition_variable>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <utility>
#include <vector>

using namespace test;
using namespace std::chrono_literals;
using cairn::errc;
using cairn::projection_mode;

namespace {

/// Rows as the notes of the deposits want them: of each account, of its movements, or of all.
template <int Number>
struct wishes {
  static constexpr std::string_view name = Number == 0 ? "by-one" : "by-several";
  static constexpr std::uint32_t version = 1;
  using event = std::variant<deposited>;

  static constexpr cairn::table<std::string, holding, by_balance> balances{"balances"};
  static constexpr cairn::table<std::tuple<std::string, std::uint64_t>, holding> moves{"moves"};
  static constexpr cairn::table<std::uint32_t, holding> totals{"totals"};
  static constexpr auto tables = std::tie(balances, moves, totals);

  static void project(cairn::table_writer& to, const cairn::event_info& at, Deposited::Reader e) {
    handler_hook::call(at);
    const std::string_view wish{e.getNote().cStr()};
    const auto amount = e.getAmount();
    const auto own = [&](std::uint64_t more) {
      to.update(balances, at.aggregate_id, [&](holding& row) {
        row.balance += more;
        ++row.movements;
      });
    };
    own(amount);
    to.put(moves, {at.aggregate_id, at.version.number()},
           {.balance = amount, .movements = at.position.number()});
    if (wish == "poison")
      throw std::runtime_error{"it is poison"};
    if (wish == "erase")
      to.erase(balances, at.aggregate_id);
    if (wish == "add to all")
      to.update(totals, 0, [&](holding& row) { row.balance += amount; });
    if (wish == "mark all")
      to.put(totals, 1, {.balance = amount, .movements = at.position.number()});
    if (wish == "look at all")
      own(to.get(totals, 0).value_or(holding{}).balance);
    if (wish == "scan own")
      own(count(
          to, {.from = {{at.aggregate_id, 0}}, .below = {{at.aggregate_id, at.version.number()}}}));
    if (wish == "scan all")
      own(count(to, {}));
  }

private:
  static std::uint64_t
  count(const cairn::table_writer& to,
        const cairn::key_range<std::tuple<std::string, std::uint64_t>>& range) {
    std::uint64_t seen = 0;
    to.scan(moves, range, [&](const auto&, const holding& row) { seen += row.balance; });
    return seen % 1000;
  }
};

using listing = std::vector<std::tuple<std::string, std::string, std::uint64_t, std::uint64_t>>;

/// All that is in its tables.
template <class P>
listing all_rows(const cairn::table_view& view) {
  listing found;
  const auto add = [&](const char* table, std::string key, const holding& row) {
    found.emplace_back(table, std::move(key), row.balance, row.movements);
  };
  REQUIRE(view.scan(P::balances, {},
                    [&](const std::string& id, const holding& row) { add("balances", id, row); }));
  REQUIRE(view.template scan_by<by_balance>(
      P::balances, {}, [&](std::uint64_t, const std::string& id, const holding& row) {
        add("by balance", id, row);
      }));
  REQUIRE(view.scan(P::moves, {}, [&](const auto& key, const holding& row) {
    add("moves", std::get<0>(key) + "/" + std::to_string(std::get<1>(key)), row);
  }));
  REQUIRE(view.scan(P::totals, {}, [&](std::uint32_t key, const holding& row) {
    add("totals", std::to_string(key), row);
  }));
  return found;
}

/// Deposits with random notes: of a hundred, so many are of those that go beyond rows of their own.
void wish(const cairn::aggregates<account>& accounts, std::mt19937_64& random, std::size_t events,
          std::uint64_t percent, const std::vector<std::string>& notes) {
  std::vector<cairn::future<cairn::reply>> replies;
  for (std::size_t i = 0; i < events; ++i) {
    const bool special = random() % 100 < percent;
    replies.push_back(
        accounts.ask("a" + std::to_string(random() % 40),
                     put(random() % 50, special ? notes[random() % notes.size()] : "")));
  }
  for (auto& each : replies)
    REQUIRE(each.get());
}

cairn::projection_options by_threads(std::size_t threads) {
  cairn::projection_options options{.max_batch_events = 700};
  options.threads = threads;
  options.max_attempts = 1;
  options.tables.flush_rows = 200;
  options.tables.map_bytes = std::size_t{256} << 20;
  options.tables.free_space_watermark_bytes = 0;
  return options;
}

/// Parks each event that cannot be applied.
template <class P>
void take_in_all(const cairn::projection<P>& projection, cairn::position last) {
  while (!projection.wait_for(last))
    REQUIRE(projection.park("as it must be"));
}

/// Folds what was there before, and what comes, by one thread and by several; both come to the same
/// rows. Returns how it went with several.
cairn::projection_status compare(std::uint64_t seed, cairn::storage where, std::uint64_t percent,
                                 const std::vector<std::string>& notes) {
  std::mt19937_64 random{seed};
  auto runtime = open_runtime(std::move(where));
  const auto accounts = runtime.host<account>().value();
  wish(accounts, random, 1500, percent, notes);
  const auto one = runtime.project<wishes<0>>(by_threads(1)).value();
  const auto several = runtime.project<wishes<1>>(by_threads(2 + seed % 3)).value();
  for (int i = 0; i < 2; ++i) {
    const auto last = runtime.journal().last_position();
    take_in_all(one, last);
    take_in_all(several, last);
    CHECK(all_rows<wishes<0>>(one.read().value()) == all_rows<wishes<1>>(several.read().value()));
    CHECK(one.parked().value().size() == several.parked().value().size());
    wish(accounts, random, 300, percent, notes);
  }
  CHECK(one.status().parallel_events == 0);
  return several.status();
}

} // namespace

TEST_CASE("rows that streams do not share are folded by several threads, and are those of one") {
  const auto seed = fresh_seed();
  MESSAGE("CAIRN_TEST_SEED=" << seed);
  for (const bool on_disk : {false, true}) {
    const temporary_directory directory;
    const auto where =
        on_disk ? cairn::storage{cairn::lmdb{directory / "data"}} : cairn::in_memory{};
    const auto status = compare(seed, where, 30, {"erase", "scan own"});
    CHECK(status.parallel_events >= 1500);
    CHECK(status.parallel_retries == 0);
  }
}

TEST_CASE("rows that streams share, and scans over them, are those of one thread, too") {
  const auto seed = fresh_seed();
  MESSAGE("CAIRN_TEST_SEED=" << seed);
  const std::vector<std::string> notes{"erase",       "add to all", "mark all",
                                       "look at all", "scan own",   "scan all"};
  std::vector<std::string> readers(9, "look at all"); // of one writer's row
  readers.emplace_back("add to all");
  struct way {
    std::uint64_t percent;
    const std::vector<std::string>& notes;
  };
  std::uint64_t in_parallel = 0;
  for (const auto& [percent, wishes] :
       {way{1, notes}, way{20, notes}, way{100, notes}, way{10, readers}}) {
    CAPTURE(percent);
    const temporary_directory directory;
    const auto status = compare(seed + percent, cairn::lmdb{directory / "data"}, percent, wishes);
    in_parallel += status.parallel_events;
    CHECK(status.parallel_retries > 0);
    CHECK(status.parallel_retries < 20); // it is not tried each time
  }
  MESSAGE(in_parallel << " events folded in parallel");
}

TEST_CASE("events that cannot be applied stop several threads where they stop one") {
  const auto seed = fresh_seed();
  MESSAGE("CAIRN_TEST_SEED=" << seed);
  const temporary_directory directory;
  const auto status = compare(seed, cairn::lmdb{directory / "data"}, 1, {"poison"});
  CHECK(status.parallel_retries > 0);
  REQUIRE(status.last_error);
  CHECK(status.last_error->code() == errc::handler_failed);
}

TEST_CASE("handlers of different streams run at the same time") {
  std::mutex mutex;
  std::condition_variable changed;
  std::set<std::thread::id> threads;
  auto runtime = open_runtime();
  std::mt19937_64 random{1};
  wish(runtime.host<account>().value(), random, 500, 0, {});
  const handler_hook meet{[&](const cairn::event_info&) { // waits for another thread, for ever
    std::unique_lock lock{mutex};
    threads.insert(std::this_thread::get_id());
    changed.notify_all();
    changed.wait(lock, [&] { return threads.size() >= 2; });
  }};
  const auto parallel = runtime.project<wishes<1>>(by_threads(2)).value();
  REQUIRE(parallel.wait_for(500_pos));
  CHECK(parallel.status().parallel_events > 0);
}

TEST_CASE("a runtime is closed while several threads fold") {
  auto runtime = open_runtime();
  std::mt19937_64 random{1};
  wish(runtime.host<account>().value(), random, 1000, 0, {});
  latch entered;
  entered.shut();
  const handler_hook note{[&](const cairn::event_info& at) {
    if (at.position > 64_pos)
      entered.open();
  }};
  const auto parallel = runtime.project<wishes<1>>(by_threads(3)).value();
  entered.pass();
  REQUIRE(runtime.close());
  CHECK(parallel.status().state == cairn::projection_state::closed);
}

TEST_CASE("a number of threads that cannot be is refused") {
  auto runtime = open_runtime();
  const auto refused = [&](cairn::projection_options options) {
    const auto made = runtime.project<wishes<1>>(options);
    REQUIRE_FALSE(made);
    CHECK(made.error().code() == errc::invalid_argument);
    CHECK(made.error().message().find("threads") != std::string::npos);
  };
  refused(by_threads(0));
  refused(by_threads(65));
  auto inlined = by_threads(2);
  inlined.mode = projection_mode::before_reply;
  refused(inlined);
  CHECK(runtime.project<wishes<1>>(by_threads(64)));
}
