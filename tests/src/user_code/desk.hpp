#pragma once

#include <cairn/runtime.hpp>

#include "desk.cairn.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace test {

/// Where the application's functions run that a model has.
enum class spot : int {
  nowhere,
  decide,
  evolve,
  tags,
  wants_snapshot,
  query,
  state_copy,
  state_destructor,
  project,
  index,
  clock,
  log_sink,
  pause
};

/// Runs what a test has in mind when a function of the application comes to a spot, so many times.
class hook {
public:
  void arm(spot where, std::function<void()> what, int times) {
    what_ = std::move(what);
    left_ = times;
    where_ = where;
  }
  void at(spot here) {
    if (where_.load() != here || left_.fetch_sub(1) <= 0)
      return;
    what_();
  }

private:
  std::function<void()> what_;
  std::atomic<int> left_ = 0;
  std::atomic<spot> where_ = spot::nowhere;
};

inline hook hooked;

/// A state whose copy and destructor are the application's.
struct desk_now {
  std::uint64_t notes = 0;

  desk_now() = default;
  desk_now(const desk_now& other) : notes{other.notes} { hooked.at(spot::state_copy); }
  desk_now(desk_now&& other) noexcept : notes{other.notes} {}
  desk_now& operator=(const desk_now&) = default;
  desk_now& operator=(desk_now&& other) noexcept {
    notes = other.notes;
    return *this;
  }
  ~desk_now() { hooked.at(spot::state_destructor); }
};

} // namespace test

template <>
struct cairn::schema_of<test::desk_now> {
  using wire = test::DeskState;
  static void write(const test::desk_now& from, test::DeskState::Builder to) {
    to.setNotes(from.notes);
  }
  static test::desk_now read(test::DeskState::Reader from) {
    test::desk_now made;
    made.notes = from.getNotes();
    return made;
  }
  static std::size_t heap_bytes(const test::desk_now&) noexcept { return 0; }
};

namespace test {

/// Its notes: "gate" and "hold" keep decide waiting as the test says; "poison" is what projections
/// cannot take.
struct desk {
  static constexpr std::string_view type_name = "desk";
  using state = desk_now;
  using command = std::variant<put_note, upset>;
  using event = std::variant<note_put, toppled>;

  static inline std::function<void()> gate;
  static inline std::function<void()> hold;

  static cairn::decision<event> decide(const state&, const put_note& c) {
    if (c.text == "gate")
      gate();
    if (c.text == "hold")
      hold();
    hooked.at(spot::decide);
    return note_put{.text = c.text};
  }
  static cairn::decision<event> decide(const state&, const upset&) { return toppled{}; }
  static void evolve(state& now, const note_put&) {
    hooked.at(spot::evolve);
    ++now.notes;
  }
  static void evolve(state&, const toppled&) { throw std::runtime_error{"the desk topples"}; }
  static std::vector<std::string> tags(const note_put& e) {
    hooked.at(spot::tags);
    return {"note-" + e.text};
  }
  static bool wants_snapshot(const state&, cairn::version) {
    hooked.at(spot::wants_snapshot);
    return false;
  }
};

struct by_notes {
  static constexpr std::string_view name = "by-notes";
  static std::uint64_t key(const board_row& row) {
    hooked.at(spot::index);
    return row.notes;
  }
};

template <int Number>
struct boards {
  static constexpr std::string_view name = Number == 0 ? "boards" : "other-boards";
  static constexpr std::uint32_t version = 1;
  using event = std::variant<note_put>;
  static constexpr cairn::table<std::string, board_row, by_notes> rows{"rows"};
  static constexpr auto tables = std::tie(rows);

  static void project(cairn::table_writer& to, const cairn::event_info& at, const note_put& e) {
    if (Number == 0)
      hooked.at(spot::project);
    if (e.text == "poison")
      throw std::runtime_error{"it is poison"};
    to.update(rows, at.aggregate_id, [](board_row& row) { ++row.notes; });
  }
};

} // namespace test
