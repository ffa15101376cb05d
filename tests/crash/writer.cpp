// The process that is killed: 64 clients that create, modify and delete random carts, back to back,
// and report every command and every answer to the pipe on descriptor 1.

#include "commands.hpp"
#include "projection_sheet.hpp"

#include <cairn/runtime.hpp>

#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <random>
#include <string>
#include <thread>
#include <vector>

using namespace crash;

namespace {

constexpr unsigned clients = 64;
/// A cart gets so many rounds, from as many clients as may be, before new ones take its place.
constexpr std::uint32_t rounds_per_cart = 12;
constexpr std::uint32_t carts_at_a_time = 48;
/// The parent kills much sooner; nobody is left behind if it does not.
constexpr unsigned most_seconds = 60;

void tell(const report* reports, std::size_t count) {
  const auto bytes = count * sizeof(report);
  if (::write(STDOUT_FILENO, reports, bytes) != static_cast<ssize_t>(bytes))
    std::_Exit(3);
}

class client {
public:
  client(cairn::aggregates<cart> carts, std::uint64_t run, std::uint32_t number, std::uint64_t seed,
         std::uint32_t first_cart, std::atomic<std::uint32_t>& rounds)
    : carts_{std::move(carts)}, run_{run}, number_{number},
      first_cart_{first_cart}, rounds_{rounds}, random_{seed} {}

  [[noreturn]] void operator()() {
    for (;;)
      round();
  }

private:
  void round() {
    cart_ = first_cart_ + rounds_.fetch_add(1) / rounds_per_cart
            + static_cast<std::uint32_t>(random_() % carts_at_a_time);
    orders_.clear();
    order(report::command::create);
    if (chance(2))
      order(report::command::modify);
    if (chance(4)) {
      order(report::command::delete_cart); // and, without waiting:
      order(report::command::modify);
      order(report::command::create);
    }
    order(report::command::modify);
    if (chance(4))
      orders_.push_back(orders_[random_() % orders_.size()]); // the same command once more
    tell(orders_.data(), orders_.size());
    std::vector<cairn::future<bool>> answers;
    for (const auto& one : orders_) {
      answers.push_back(send(carts_, one, run_).then([one](cairn::result<cairn::reply>&& outcome) {
        const auto told = outcome_of(one, outcome);
        tell(&told, 1);
        return true;
      }));
    }
    for (auto& answer : answers)
      (void)answer.get();
  }

  bool chance(unsigned one_in) { return random_() % one_in == 0; }

  void order(report::command what) {
    report next{};
    next.what = report::kind::sent;
    next.asked = what;
    next.client = number_;
    next.cart = cart_;
    next.id = (std::uint64_t{number_} << 32) + ++sent_;
    next.events = 1 + static_cast<std::uint32_t>(random_() % 3);
    orders_.push_back(next);
  }

  cairn::aggregates<cart> carts_;
  std::uint64_t run_;
  std::uint32_t number_;
  std::uint32_t first_cart_;
  std::atomic<std::uint32_t>& rounds_;
  std::mt19937_64 random_;
  std::uint32_t cart_ = 0;
  std::uint64_t sent_ = 0;
  std::vector<report> orders_;
};

} // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "usage: crash-writer DIRECTORY RUN SEED FIRST-CART\n";
    return 2;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::alarm(most_seconds);
  const auto run = std::strtoull(argv[2], nullptr, 10);
  const auto seed = std::strtoull(argv[3], nullptr, 10);
  const auto first_cart = static_cast<std::uint32_t>(std::strtoul(argv[4], nullptr, 10));

  // Aggregates come and go all the time, and so do heads.
  auto runtime = cairn::runtime::open({.storage = cairn::lmdb{.directory = argv[1],
                                                              .map_bytes = std::size_t{4} << 30,
                                                              .flush_interval_events = 1000},
                                       .max_resident = 32});
  if (!runtime) {
    std::cerr << "crash-writer: " << runtime.error() << '\n';
    return 4;
  }
  const auto carts = runtime->host<cart>({.snapshot_every = 4}).value();
  const auto behind = runtime->project<tally_of_carts<false>>(projection_options_of(false, seed));
  const auto inlined = runtime->project<tally_of_carts<true>>(projection_options_of(true, seed));
  if (!behind || !inlined) {
    std::cerr << "crash-writer: " << (behind ? inlined.error() : behind.error()) << '\n';
    return 5;
  }
  const report opened{};
  tell(&opened, 1);
  std::atomic<std::uint32_t> rounds{0};
  std::vector<std::thread> threads;
  for (unsigned number = 0; number < clients; ++number)
    threads.emplace_back(client{carts, run, number, seed + number, first_cart, rounds});
  for (auto& thread : threads)
    thread.join();
}
