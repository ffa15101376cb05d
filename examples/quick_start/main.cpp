#include <cairn/runtime.hpp>

#include "concert.cairn.hpp"

#include <iostream>

using namespace concert;

// An aggregate: a name, an empty state, decide and evolve. Both are pure functions.
struct concert_hall {
  static constexpr std::string_view type_name = "concert-hall";
  using state = hall;
  using command = std::variant<reserve_seats>;
  using event = std::variant<seats_reserved>;

  static cairn::decision<event> decide(const state& now, const reserve_seats& c) {
    constexpr std::uint32_t capacity = 100;
    if (c.seats > capacity - now.taken)
      return cairn::reject("sold_out", std::to_string(capacity - now.taken) + " seats are left");
    return seats_reserved{.guest = c.guest, .seats = c.seats};
  }
  static void evolve(state& now, const seats_reserved& e) { now.taken += e.seats; }
};

int main(int argc, char** argv) {
  auto runtime = cairn::runtime::open({.storage = cairn::lmdb{argc > 1 ? argv[1] : "concerts"}});
  if (!runtime) {
    std::cerr << runtime.error() << '\n';
    return 1;
  }
  auto halls = runtime->host<concert_hall>().value();

  // Many commands may be on their way; each answers when its events are on disk.
  auto ada = halls.ask("friday", reserve_seats{.guest = "Ada", .seats = 60});
  auto bob = halls.ask("friday", reserve_seats{.guest = "Bob", .seats = 60});
  std::cout << "Ada: " << ada.get().value() << '\n';
  std::cout << "Bob: " << bob.get().value() << '\n';

  // Sent again with the same id, also after a crash: one effect, the same reply.
  const cairn::ask_options once{.command_id = cairn::message_id::from_text("order 4711")};
  for (int i = 0; i < 2; ++i) {
    auto cleo = halls.ask("friday", reserve_seats{.guest = "Cleo", .seats = 40}, once).get();
    std::cout << "Cleo: " << cleo.value() << '\n';
  }

  auto taken = halls.query("friday", [](const hall& now) { return now.taken; });
  std::cout << taken.get().value() << " seats are taken\n";
  halls
      .history("friday",
               [](const auto& info, const auto& event) {
                 std::cout << "event " << info.version << ": " << std::get<seats_reserved>(event)
                           << '\n';
               })
      .value();
}
