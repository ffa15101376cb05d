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

  /// What the handler does besides: it hashes (FNV-1a, byte by byte) the payload so many times.
  /// Set before any event is folded.
  static inline std::uint64_t work = 0;

  static void project(cairn::table_writer& to, const cairn::event_info& at, Added::Reader e) {
    for (std::uint64_t i = 0; i < work; ++i)
      hash(e.getPayload());
    to.update(counters, at.aggregate_id, [&](tally& row) {
      ++row.events;
      row.bytes += e.getPayload().size();
      row.last_position = at.position.number();
    });
  }

private:
  static void hash(capnp::Data::Reader payload) {
    std::uint64_t state = 0xcbf29ce484222325;
    for (const auto byte : payload)
      state = (state ^ byte) * 0x100000001b3;
    asm volatile("" : : "r"(state)); // not to be left out
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
