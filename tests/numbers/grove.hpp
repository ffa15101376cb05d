#pragma once

#include <cairn/aggregate.hpp>
#include <cairn/detail/nested.hpp>

#include "nested.cairn.hpp"

#include <cstdint>
#include <string_view>
#include <utility>
#include <variant>

namespace numbers {

/// A tree of so many levels, each in the list of the one above.
inline tree grown(std::uint32_t levels, tree below = {}) {
  for (std::uint32_t i = 1; i < levels; ++i) {
    tree above;
    above.branches.push_back(std::move(below));
    below = std::move(above);
  }
  return below;
}

/// A value that is destroyed level by level, however deep it is.
template <class T>
struct deep {
  T value;
  explicit deep(T made) : value{std::move(made)} {}
  ~deep() { cairn::detail::destroy_level_by_level(value); }
  deep(const deep&) = delete;
  deep& operator=(const deep&) = delete;
};

/// Commands, events and a state that nest as deep as they are told to.
struct grove {
  static constexpr std::string_view type_name = "grove";
  using state = grove_state;
  using command = std::variant<plant, grow, lengthen>;
  using event = std::variant<planted, lengthened>;

  static cairn::decision<event> decide(const state&, const plant& c) { return planted{c.tree}; }
  static cairn::decision<event> decide(const state&, const grow& c) {
    return planted{grown(c.levels)};
  }
  static cairn::decision<event> decide(const state&, const lengthen& c) {
    return lengthened{c.levels};
  }

  static void evolve(state& now, const planted& e) {
    now.tree = e.tree;
    ++now.events;
  }
  static void evolve(state& now, const lengthened& e) {
    now.tree = grown(e.levels + 1, std::move(now.tree));
    ++now.events;
  }
};

} // namespace numbers
