#pragma once

#include <cairn/runtime.hpp>

#include "holdings.hpp"
#include "latch.hpp"
#include "literals.hpp"
#include "temporary_directory.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>

namespace test {

/// What handlers do beside their work, as a test says. One set for the whole program.
struct handler_hook {
  static inline std::function<void(const cairn::event_info&)> before = {};
  static void call(const cairn::event_info& at) {
    if (before)
      before(at);
  }
  handler_hook() = default;
  explicit handler_hook(std::function<void(const cairn::event_info&)> use) {
    before = std::move(use);
  }
  ~handler_hook() { before = {}; }
  handler_hook(const handler_hook&) = delete;
  handler_hook& operator=(const handler_hook&) = delete;
};

/// The balances of all accounts, and how many events there were of each account and in all. The
/// versions beyond the first count each event as many times.
template <int Number, std::uint32_t Version = 1>
struct ledger : follows_money<ledger<Number, Version>> {
  static constexpr std::string_view name = Number == 0   ? "ledger"
                                           : Number == 1 ? "ledger-inlined"
                                                         : "ledger-other";
  static constexpr std::uint32_t version = Version;

  static constexpr cairn::table<std::string, holding, by_balance> balances{"balances"};
  static constexpr cairn::table<std::uint32_t, holding> totals{"totals"};
  static constexpr auto tables = std::tie(balances, totals);

  using follows_money<ledger>::project;
  static void project(cairn::table_writer& to, const cairn::event_info& at, Deposited::Reader e) {
    move(to, at, e.getAmount());
    if (std::string_view{e.getNote().cStr()} == "poison")
      throw std::runtime_error{"it is poison"};
  }
  static void move(cairn::table_writer& to, const cairn::event_info& at, std::uint64_t amount) {
    handler_hook::call(at);
    const auto change = [&](holding& row) {
      row.balance += amount;
      row.movements += Version;
    };
    to.update(balances, at.aggregate_id, change);
    to.update(totals, 0, change);
  }
};

/// Fails at one position, which may change, and holds the thread that builds tables from the start
/// once `hold_build` is called.
class faulty_handlers {
public:
  std::atomic<cairn::position> fails_at = cairn::position{};

  /// From now on a thread that begins with the first event stops there until `let_build`.
  void hold_build() {
    handlers_.shut();
    building_ = true;
  }
  void wait_for_build() { handlers_.wait_for_arrival(); }
  void let_build() { handlers_.open(); }

private:
  void handle(const cairn::event_info& at) {
    if (at.position == fails_at.load())
      throw std::runtime_error{"a fault"};
    if (building_ && at.position == 1_pos)
      builder_ = std::this_thread::get_id();
    if (building_ && builder_.load() == std::this_thread::get_id())
      handlers_.pass();
  }

  latch handlers_;
  std::atomic<bool> building_ = false;
  std::atomic<std::thread::id> builder_ = std::thread::id{};
  handler_hook hook_{[this](const cairn::event_info& at) { handle(at); }};
};

using rows = std::map<std::string, holding>;

template <class Ledger>
rows rows_of(const cairn::table_view& view) {
  rows found;
  const auto scanned = view.scan(
      Ledger::balances, {}, [&](const std::string& id, const holding& row) { found[id] = row; });
  REQUIRE(scanned);
  return found;
}

/// The fold of the journal's events up to `position`, made here.
inline rows fold_of(const cairn::journal& events, cairn::position position,
                    std::uint64_t factor = 1) {
  rows folded;
  const auto replayed = events.replay_all(1_pos, [&](const cairn::event_view& event) {
    if (event.position() > position)
      return cairn::visit_result::stop;
    const auto id = std::string{event.stream().substr(event.stream().find('/') + 1)};
    const auto add = [&](std::uint64_t amount) {
      folded[id].balance += amount;
      folded[id].movements += factor;
    };
    if (event.type() == cairn::type_id_of<deposited>())
      add(event.payload().getAs<Deposited>().getAmount());
    else if (event.type() == cairn::type_id_of<withdrawn>())
      add(0 - event.payload().getAs<Withdrawn>().getAmount());
    else if (event.type() == cairn::type_id_of<fee_taken>())
      add(0 - event.payload().getAs<FeeTaken>().getAmount());
    return cairn::visit_result::proceed;
  });
  REQUIRE(replayed);
  return folded;
}

/// Every view is the fold of the events up to its position, in both tables.
template <class Ledger>
void check_view(const cairn::journal& events, const cairn::table_view& view,
                std::uint64_t factor = 1) {
  const auto folded = fold_of(events, view.position(), factor);
  CHECK(rows_of<Ledger>(view) == folded);
  std::uint64_t balance = 0;
  std::uint64_t movements = 0;
  for (const auto& [id, row] : folded) {
    balance += row.balance;
    movements += row.movements;
  }
  const auto total = view.get(Ledger::totals, 0).value().value_or(holding{});
  CHECK(total.balance == balance);
  CHECK(total.movements == movements);
  std::uint64_t last = 0;
  std::size_t ranked = 0;
  const auto scanned = view.scan_by<by_balance>(
      Ledger::balances, {}, [&](std::uint64_t rank, const std::string&, const holding& row) {
        CHECK(row.balance == rank);
        CHECK(rank >= last);
        last = rank;
        ++ranked;
      });
  CHECK(scanned);
  CHECK(ranked == folded.size());
}

inline deposit put(std::uint64_t amount, std::string note = {}) {
  return {.amount = amount, .note = std::move(note)};
}

/// Small limits, so that every path is taken often.
inline cairn::projection_options small_batches(cairn::projection_mode mode) {
  cairn::projection_options options{.mode = mode, .max_batch_events = 7};
  options.tables.flush_rows = 20;
  options.tables.map_bytes = std::size_t{256} << 20;
  options.tables.free_space_watermark_bytes = 0;
  return options;
}

inline cairn::runtime open_runtime(cairn::storage where = cairn::in_memory{}) {
  auto opened = cairn::runtime::open({.storage = std::move(where)});
  REQUIRE(opened);
  return *std::move(opened);
}

inline cairn::runtime open_runtime(const std::filesystem::path& directory) {
  return open_runtime(cairn::lmdb{directory});
}

} // namespace test
