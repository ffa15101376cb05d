#pragma once

#include <cairn/projection.hpp>

#include "counter.hpp"
#include "failure.hpp"

#include <cstdint>
#include <string>
#include <tuple>

namespace bench {

/// The projection that is measured: it counts the events and their bytes for each counter.
struct tallies {
  static constexpr std::string_view name = "tallies";
  static constexpr std::uint32_t version = 1;
  using event = std::variant<added>;
  static constexpr cairn::table<std::string, tally> counters{"counters"};
  static constexpr auto tables = std::tie(counters);

  static void project(cairn::table_writer& to, const cairn::event_info& at, Added::Reader e) {
    to.update(counters, at.aggregate_id, [&](tally& row) {
      ++row.events;
      row.bytes += e.getPayload().size();
      row.last_position = at.position;
    });
  }
};

inline std::uint64_t count_events(const cairn::projection<tallies>& projection) {
  std::uint64_t events = 0;
  const auto view = need(projection.read(), "reading a projection");
  need(view.scan(tallies::counters, {},
                 [&](const auto&, const tally& row) { events += row.events; }),
       "scanning a projection");
  return events;
}

} // namespace bench
