#pragma once

#include <cairn/aggregate.hpp>

#include "counter.cairn.hpp"

#include <string_view>
#include <variant>

namespace bench {

/// The aggregate that is measured: it keeps each command's bytes in an event and counts the events.
struct counter {
  static constexpr std::string_view type_name = "counter";
  using state = counter_state;
  using command = std::variant<add>;
  using event = std::variant<added>;

  static cairn::decision<event> decide(const state&, const add& wanted) {
    return added{.payload = wanted.payload};
  }
  static void evolve(state& now, Added::Reader) { ++now.count; }
};

} // namespace bench
