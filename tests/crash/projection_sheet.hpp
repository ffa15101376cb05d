#pragma once

#include <cairn/projection.hpp>

#include "cart.hpp"

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
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

/// Counts what happened to each cart, and all events. `Inlined` is only another name for it.
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
      if (row.last_position >= at.position || row.events + 1 != at.version)
        throw std::logic_error{"event " + std::to_string(at.version) + " of "
                               + std::string{at.aggregate_id} + " comes after "
                               + std::to_string(row.events)};
      ++row.events;
      row.last_position = at.position;
      row.deleted = is_deleted;
    });
    to.update(all, 0, [&](tally& row) {
      ++row.events;
      row.last_position = at.position;
    });
  }
};

inline cairn::projection_options projection_options_of(bool inlined, std::uint64_t seed) {
  cairn::projection_options options;
  options.mode = inlined ? cairn::projection_mode::inlined : cairn::projection_mode::async;
  options.max_batch_events = 1 + seed % 500;
  options.tables.flush_rows = 10 + seed % 300; // so that a kill meets a flush
  options.tables.map_bytes = std::size_t{4} << 30;
  return options;
}

} // namespace crash
