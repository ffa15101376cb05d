#pragma once

#include <cairn/projection.hpp>

#include "cart.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>

namespace crash {

/// What a fold of the crash test's journal comes to.
struct tally_sheet {
  std::map<std::string, tally> carts;
  std::uint64_t events = 0;
  bool operator==(const tally_sheet&) const = default;
};

struct by_events {
  static constexpr std::string_view name = "by-events";
  static std::uint64_t key(const tally& row) { return row.events; }
};

/// Counts what happened to each cart, and all events: of those kept in the reply in one row, of
/// those behind the log, which several threads may fold, in rows that a few carts share.
template <bool Inlined>
struct tally_of_carts {
  static constexpr std::string_view name = Inlined ? "tally-inlined" : "tally-behind";
  static constexpr std::uint32_t version = 1;
  using event = std::variant<created, modified, deleted>;
  static constexpr cairn::table<std::string, tally, by_events> carts{"carts"};
  static constexpr cairn::table<std::uint32_t, tally> all{"all"};
  static constexpr auto tables = std::tie(carts, all);

  static void project(cairn::table_writer& to, const cairn::event_info& at, const created&) {
    count(to, at, false);
  }
  static void project(cairn::table_writer& to, const cairn::event_info& at, Modified::Reader) {
    count(to, at, false);
  }
  static void project(cairn::table_writer& to, const cairn::event_info& at, const deleted&) {
    count(to, at, true);
  }

private:
  static void count(cairn::table_writer& to, const cairn::event_info& at, bool is_deleted) {
    to.update(carts, at.aggregate_id, [&](tally& row) {
      // What has been seen before, or out of order, would go unnoticed in sums.
      if (row.last_position >= at.position.number() || row.events + 1 != at.version.number())
        throw std::logic_error{"event " + to_string(at.version) + " of "
                               + std::string{at.aggregate_id} + " comes after "
                               + std::to_string(row.events)};
      ++row.events;
      row.last_position = at.position.number();
      row.deleted = is_deleted;
    });
    constexpr std::uint32_t groups = 1'000;
    const auto group = static_cast<std::uint32_t>(
        Inlined ? 0 : std::hash<std::string_view>{}(at.aggregate_id) % groups);
    to.update(all, group, [&](tally& row) {
      ++row.events;
      row.last_position = at.position.number();
    });
  }
};

inline cairn::projection_options projection_options_of(bool inlined, std::uint64_t seed) {
  cairn::projection_options options;
  options.mode = inlined ? cairn::projection_mode::before_reply : cairn::projection_mode::async;
  options.threads = inlined ? 1 : 1 + seed % 3;
  options.max_batch_events = 1 + seed % 500;
  options.tables.flush_rows = 10 + seed % 300; // so that a kill meets a flush
  options.tables.map_bytes = std::size_t{4} << 30;
  return options;
}

} // namespace crash
