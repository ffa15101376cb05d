#pragma once

#include <cairn/aggregate.hpp>

#include "member.cairn.hpp"

#include <array>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace test {

/// The aggregate that reservations and tags are tested with.
struct member {
  static constexpr std::string_view type_name = "member";
  using state = member_state;
  using command = std::variant<join, move, leave, greet, misbehave>;
  using event = std::variant<joined, moved, left, greeted>;
  using decision = cairn::decision<event>;

  static decision decide(const state&, const join& c) {
    return decision{joined{.address = c.address, .town = c.town}}.reserve(c.address);
  }
  static decision decide(const state& now, const move& c) {
    return decision{moved{.from = now.address, .to = c.address}}
        .release(now.address)
        .reserve(c.address);
  }
  static decision decide(const state& now, const leave&) {
    return decision{left{}}.release(now.address);
  }
  static decision decide(const state&, const greet& c) {
    return std::vector<event>(c.times, greeted{});
  }
  static decision decide(const state&, const misbehave& c) {
    if (c.how == misbehave_how::reserve_for_nothing)
      return decision{cairn::no_events}.reserve("k");
    if (c.how == misbehave_how::reserve_nonsense)
      return decision{greeted{}}.reserve("");
    return joined{.address = {}, .town = "a\nb"};
  }

  static void evolve(state& now, const joined& e) {
    now.address = e.address;
    now.town = e.town;
  }
  static void evolve(state& now, const moved& e) { now.address = e.to; }
  static void evolve(state& now, const left&) { now.address.clear(); }
  static void evolve(state& now, const greeted&) { ++now.greetings; }

  static std::array<std::string_view, 1> tags(const joined& e) { return {e.town}; }
  static std::vector<std::string> tags(const state& before, const moved&) {
    return {before.town, "move"};
  }
};

} // namespace test
