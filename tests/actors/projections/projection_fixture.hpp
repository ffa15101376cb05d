#pragma once

#include "holdings.hpp"
#include "projections/projection_set.hpp"
#include "temporary_directory.hpp"

#include <cairn/memory_journal.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace test {

using namespace std::chrono_literals;

/// The balance of each account. Version n counts each event n times. What its handlers do beside
/// that is the test's, for the whole program.
template <std::uint32_t Version = 1>
struct sheet : follows_money<sheet<Version>> {
  static constexpr std::string_view name = "sheet";
  static constexpr std::uint32_t version = Version;
  static constexpr cairn::table<std::string, holding, by_balance> balances{"balances"};
  static constexpr auto tables = std::tie(balances);

  static void move(cairn::table_writer& to, const cairn::event_info& at, std::uint64_t amount);
};

/// Called before each event is applied, by the tables that serve and by those that are built.
struct sheet_handlers {
  static inline std::function<void(const cairn::event_info&)> on_event = {};
  static inline cairn::position fails_at = {};
};

template <std::uint32_t Version>
void sheet<Version>::move(cairn::table_writer& to, const cairn::event_info& at,
                          std::uint64_t amount) {
  if (sheet_handlers::on_event)
    sheet_handlers::on_event(at);
  if (at.position == sheet_handlers::fails_at)
    throw std::runtime_error{"a fault"};
  to.update(balances, at.aggregate_id, [&](holding& row) {
    row.balance += amount;
    row.movements += Version;
  });
}

/// The log of a `stepped_projections`, which outlives it; in memory.
class sheet_log {
public:
  /// Appends an event of `id`, and returns its position.
  cairn::position put(std::string_view id = "a") {
    const auto stream = cairn::stream_id::make("account", id).value();
    cairn::event_batch batch;
    REQUIRE(batch.add(stream, {}, deposited{.amount = 1}));
    return events->append(stream, cairn::expected_version::any(), std::move(batch))
        .value()
        .first_position;
  }
  void put_some(int count) {
    for (int i = 0; i < count; ++i)
      put("a" + std::to_string(i % 3));
  }

  std::unique_ptr<cairn::journal> events = cairn::make_memory_journal();
};

/// The projection `sheet` of one start of a program, without threads: nothing happens before the
/// test calls `turn`, or lets a reply leave.
class stepped_projections {
public:
  /// `home`: of the tables; empty: in memory.
  explicit stepped_projections(sheet_log& log, const std::filesystem::path& home = {})
    : log_{log}, set_{*log.events, home,
                      cairn::detail::projection_environment{.turns = {.by_threads = false}}} {}
  ~stepped_projections() {
    sheet_handlers::on_event = {};
    sheet_handlers::fails_at = {};
  }

  /// Batches of 7 events, and no second attempt.
  static cairn::projection_options options(cairn::projection_mode mode) {
    cairn::projection_options with{.mode = mode, .max_batch_events = 7, .max_attempts = 1};
    with.max_batch_time = 1h;
    with.tables.map_bytes = std::size_t{64} << 20;
    with.tables.free_space_watermark_bytes = 0;
    with.tables.flush_events = 1;
    return with;
  }

  template <std::uint32_t Version = 1>
  cairn::projection<sheet<Version>> project(cairn::projection_options with) {
    return cairn::projection<sheet<Version>>{
        set_.project(std::make_unique<cairn::detail::typed_projection<sheet<Version>>>(),
                     std::move(with))
            .value()};
  }

  /// One turn of each set of tables that wants one.
  bool turn() { return set_.turn(); }
  /// So many turns that all there is to do is done. Inlined projections want turns for ever.
  void run() {
    for (int turns = 0; turns < 100; ++turns)
      turn();
  }

  /// Appends an event, whose reply leaves.
  cairn::position put_and_reply(std::string_view id = "a") {
    const auto position = log_.put(id);
    set_.before_replies(position, {});
    return position;
  }
  void reply(cairn::position position) { set_.before_replies(position, {}); }

  cairn::result<void> close() { return set_.close(); }

private:
  sheet_log& log_;
  cairn::detail::projection_set set_;
};

/// The movements of each account in the rows.
template <class Projection>
std::map<std::string, std::uint64_t> movements_in(const Projection& of) {
  std::map<std::string, std::uint64_t> found;
  const auto rows = of.read().value();
  REQUIRE(rows.scan(sheet<>::balances, {},
                    [&](const std::string& id, const holding& row) { found[id] = row.movements; }));
  return found;
}

template <class Projection>
std::uint64_t all_movements_in(const Projection& of) {
  std::uint64_t sum = 0;
  for (const auto& [id, movements] : movements_in(of))
    sum += movements;
  return sum;
}

/// A copy of a directory as a crash would leave it now.
inline void copy_as_crashed(const std::filesystem::path& from, const std::filesystem::path& to) {
  using std::filesystem::perms;
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
  for (const auto& entry : std::filesystem::recursive_directory_iterator{to})
    std::filesystem::permissions(
        entry, entry.is_directory() ? perms::owner_all : perms::owner_read | perms::owner_write);
  std::filesystem::permissions(to, perms::owner_all);
}

} // namespace test
