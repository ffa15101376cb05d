#pragma once

#include <cairn/aggregate.hpp>
#include <cairn/projection.hpp>

#include "item.cairn.hpp"
#include "latch.hpp"

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <variant>
#include <vector>

namespace limits {

/// A latch that handlers, or foldings, pass while it is in force. One of each for the program.
template <class Place>
class latch_at {
public:
  explicit latch_at(test::latch& use) { current_ = &use; }
  ~latch_at() { current_ = nullptr; }
  latch_at(const latch_at&) = delete;
  latch_at& operator=(const latch_at&) = delete;

  static void pass() {
    if (auto* const shut = current_.load())
      shut->pass();
  }

private:
  static inline std::atomic<test::latch*> current_ = nullptr;
};

struct in_evolve;
struct in_projection;

struct backlog {
  static constexpr std::string_view type_name = "backlog";
  using state = pile_state;
  using command = std::variant<put_items, take_poison>;
  using event = std::variant<item_put>;

  static cairn::decision<event> decide(const state&, const put_items& c) {
    return std::vector<event>(c.count, item_put{.payload = c.payload, .poison = c.poison});
  }
  static cairn::decision<event> decide(const state&, const take_poison&) {
    throw std::runtime_error{"it is poison"};
  }
  static void evolve(state& now, ItemPut::Reader) {
    ++now.items;
    latch_at<in_evolve>::pass();
  }
};

/// How many items there are on each backlog. `Number` only makes another projection of it.
template <int Number>
struct pile_sheet {
  static constexpr std::string_view name = Number == 0 ? "backlogs" : "backlogs-too";
  static constexpr std::uint32_t version = 1;
  using event = std::variant<item_put>;
  static constexpr cairn::table<std::string, pile_row> backlogs{"backlogs"};
  static constexpr auto tables = std::tie(backlogs);

  static void project(cairn::table_writer& to, const cairn::event_info& at, ItemPut::Reader e) {
    if (Number == 0) {
      latch_at<in_projection>::pass();
      if (e.getPoison())
        throw std::runtime_error{"it is poison"};
    }
    to.update(backlogs, at.aggregate_id, [&](pile_row& row) {
      ++row.items;
      row.last_position = at.position.number();
    });
  }
};

} // namespace limits
