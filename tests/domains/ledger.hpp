#pragma once

#include <cairn/aggregate.hpp>

#include "ledger.cairn.hpp"

#include <array>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace test {

/// The ledger as its first version was: it wrote `golden/ledger.mdb`.
struct ledger_v1 {
  static constexpr std::string_view type_name = "ledger";
  using state = ledger_state;
  using command =
      std::variant<entry_made_v1, transferred_v1, owner_set_v1, name_set_v1, printed_v1>;
  using event = command;

  template <class Command>
  static cairn::decision<event> decide(const state&, const Command& c) {
    return c;
  }
  template <class Event>
  static void evolve(state& now, const Event&) {
    now.lines.push_back("of the first version");
  }
};

/// The ledger of today.
struct ledger {
  static constexpr std::string_view type_name = "ledger";
  using state = ledger_state;
  using command = std::variant<enter>;
  using event = std::variant<entry_made, described>;
  using older_event = std::variant<entry_made_v1, entry_made_v2, transferred_v1, owner_set_v1,
                                   name_set_v1, printed_v1>;

  // What the first version kept in its snapshots means nothing today.
  static constexpr std::uint64_t state_version = 1;

  static cairn::decision<event> decide(const state&, const enter& c) {
    return entry_made{.label = c.label, .cents = c.cents, .currency = c.currency};
  }
  static void evolve(state& now, EntryMade::Reader e) {
    now.lines.push_back(std::string{e.getLabel().cStr()} + ' ' + std::to_string(e.getCents()) + ' '
                        + e.getCurrency().cStr());
    now.cents += e.getCents();
  }
  static void evolve(state& now, const described& e) {
    if (!e.owner.empty())
      now.owner = e.owner;
    if (!e.name.empty())
      now.name = e.name;
  }

  static entry_made_v2 upcast(const entry_made_v1& e) {
    if (e.euros == unreadable)
      throw std::runtime_error{"no such amount"};
    return {.label = e.label, .cents = e.euros * std::int64_t{100}};
  }
  static entry_made upcast(const entry_made_v2& e) {
    return {.label = e.label, .cents = e.cents, .currency = "EUR"};
  }
  static std::array<entry_made_v1, 2> upcast(const transferred_v1& e) {
    return {entry_made_v1{.label = e.from, .euros = -e.euros},
            entry_made_v1{.label = e.to, .euros = e.euros}};
  }
  static described upcast(const owner_set_v1& e) { return {.owner = e.owner, .name = {}}; }
  static event upcast(const name_set_v1& e) { return described{.owner = {}, .name = e.name}; }
  static std::vector<event> upcast(const printed_v1&) { return {}; }

  static constexpr std::int32_t unreadable = -1;
};

} // namespace test
