// An application that has nothing of Cairn but what the install gave it: an aggregate on a journal
// in the directory given as the argument, opened twice.
#include "counter.cairn.hpp"

#include <cairn/runtime.hpp>

#include <iostream>
#include <string_view>
#include <variant>

struct counter {
  static constexpr std::string_view type_name = "counter";
  using state = counter_state;
  using command = std::variant<add>;
  using event = std::variant<added>;

  static cairn::decision<event> decide(const state&, const add& command) {
    if (command.amount <= 0)
      return cairn::reject("not_positive");
    return added{.amount = command.amount};
  }
  static void evolve(state& counted, const added& event) { counted.total += event.amount; }
};

// Adds, and returns the total that the counter then has; -1 and a message if that fails.
std::int64_t add_and_read(const char* directory, std::int64_t amount) {
  auto runtime = cairn::runtime::open({.storage = cairn::lmdb{directory}});
  if (!runtime) {
    std::cerr << runtime.error().message() << '\n';
    return -1;
  }
  const auto counters = runtime->host<counter>();
  if (!counters) {
    std::cerr << counters.error().message() << '\n';
    return -1;
  }
  const auto reply = counters->ask("visits", add{.amount = amount}).get();
  const auto total =
      counters->query("visits", [](const counter_state& counted) { return counted.total; }).get();
  if (!reply || !total) {
    std::cerr << (reply ? total.error() : reply.error()).message() << '\n';
    return -1;
  }
  return *total;
}

int main(int argc, char** argv) {
  if (argc != 2)
    return 2;
  const auto first = add_and_read(argv[1], 3);
  const auto second = add_and_read(argv[1], 4);
  std::cout << "total " << first << ", and after reopening " << second << '\n';
  return first == 3 && second == 7 ? 0 : 1;
}
