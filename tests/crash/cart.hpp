#pragma once

#include <cairn/aggregate.hpp>

#include "cart.cairn.hpp"

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

namespace crash {

/// A cart that, once deleted, must never change again.
struct cart {
  static constexpr std::string_view type_name = "cart";
  using state = cart_state;
  using command = std::variant<create, modify, delete_cart>;
  using event = std::variant<created, modified, deleted>;

  static cairn::decision<event> decide(const state& now, const create&) {
    if (now.deleted)
      return cairn::reject("deleted");
    if (now.exists)
      return cairn::reject("exists");
    return created{};
  }
  static cairn::decision<event> decide(const state& now, const modify& c) {
    if (now.deleted)
      return cairn::reject("deleted");
    if (!now.exists)
      return cairn::reject("unknown");
    std::vector<event> all;
    for (std::uint32_t i = 0; i < c.events; ++i)
      all.emplace_back(modified{.index = i, .count = c.events});
    return all;
  }
  static cairn::decision<event> decide(const state& now, const delete_cart&) {
    if (now.deleted)
      return cairn::reject("deleted");
    if (!now.exists)
      return cairn::reject("unknown");
    return deleted{};
  }

  static void evolve(state& now, const created&) { now.exists = true; }
  static void evolve(state& now, const modified&) { ++now.modifications; }
  static void evolve(state& now, const deleted&) { now.deleted = true; }
};

} // namespace crash
