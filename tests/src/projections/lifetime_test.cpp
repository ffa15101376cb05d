// Projections whose runtime ends, that are paused, or built, while something else goes on.

#include "ledger_projection.hpp"
#include "literals.hpp"

#include <atomic>
#include <limits>
#include <optional>
#include <thread>
#include <vector>

using namespace test;
using namespace std::chrono_literals;
using cairn::errc;
using cairn::projection_mode;
using cairn::projection_state;

namespace {

constexpr projection_mode both_modes[]{projection_mode::async, projection_mode::before_reply};

template <class Accounts>
void put_some(const Accounts& accounts, int events) {
  for (int i = 0; i < events; ++i)
    REQUIRE(accounts.ask("a" + std::to_string(i % 3), put(1)).get());
}

} // namespace

TEST_CASE("a projection's handle that outlives its runtime says that it is closed") {
  std::optional<cairn::projection<ledger<0>>> sheet;
  {
    auto runtime = open_runtime();
    sheet = runtime.project<ledger<0>>().value();
    put_some(runtime.host<account>().value(), 3);
    REQUIRE(sheet->wait_for(3_pos));
  }
  CHECK(sheet->status().state == projection_state::closed);
  CHECK(sheet->wait_for(99_pos).error().code() == errc::shut_down);
  CHECK(sheet->wait_for(99_pos, std::chrono::steady_clock::now() + 1h).error().code()
        == errc::shut_down);
  CHECK(sheet->read().error().code() == errc::shut_down);
  CHECK(sheet->rebuild().error().code() == errc::shut_down);
  CHECK(sheet->skip("nothing").error().code() == errc::shut_down);
  CHECK(sheet->decisions().error().code() == errc::shut_down);
}

TEST_CASE("closing in the middle of a batch stays closed for who waits and who comes later") {
  latch handlers;
  const handler_hook hold{[&](const cairn::event_info&) { handlers.pass(); }};
  auto runtime = open_runtime();
  const auto sheet = runtime.project<ledger<0>>().value();
  handlers.shut();
  REQUIRE(runtime.host<account>().value().ask("a", put(1)).get());
  handlers.wait_for_arrival();
  auto waiting = sheet.when_visible(99_pos);
  std::thread closing{[&] { CHECK(runtime.close()); }};
  CHECK(waiting.get().error().code() == errc::shut_down); // while the batch is still running
  handlers.open();
  closing.join();
  CHECK(sheet.wait_for(99_pos).error().code() == errc::shut_down);
}

TEST_CASE("a runtime closes while projections in it are rebuilt and change places") {
  for (int round = 0; round < 40; ++round) {
    const auto mode = both_modes[round % 2];
    auto runtime = open_runtime();
    const auto accounts = runtime.host<account>().value();
    const auto sheet = runtime.project<ledger<0>>(small_batches(mode)).value();
    put_some(accounts, 1 + round);
    std::atomic<bool> done = false;
    std::atomic<bool> any_begun = false;
    std::vector<std::thread> others;
    for (int i = 0; i < 2; ++i)
      others.emplace_back([&] {
        while (!done) {
          const auto begun = sheet.rebuild();
          if (!begun && begun.error().code() != errc::invalid_argument)
            CHECK(begun.error().code() == errc::shut_down);
          if (begun && !any_begun.exchange(true))
            any_begun.notify_all();
          (void)sheet.status();
        }
      });
    if (round % 4 != 0)
      any_begun.wait(false);
    CHECK(runtime.close());
    done = true;
    for (auto& other : others)
      other.join();
  }
}

TEST_CASE("closing does not wait for the first build of a projection in replies") {
  auto runtime = open_runtime();
  put_some(runtime.host<account>().value(), 5);
  std::atomic<bool> tried = false;
  const handler_hook fail{[&](const cairn::event_info&) {
    tried = true;
    tried.notify_all();
    throw std::runtime_error{"not as long as it lives"};
  }};
  auto for_ever = small_batches(projection_mode::before_reply);
  for_ever.max_attempts = std::numeric_limits<std::uint32_t>::max();
  std::thread opening{
      [&] { CHECK(runtime.project<ledger<0>>(for_ever).error().code() == errc::shut_down); }};
  tried.wait(false);
  CHECK(runtime.close());
  opening.join();
}

TEST_CASE("who waits for a shard that the journal does not have is told so, and does not wait") {
  auto runtime = open_runtime();
  const auto sheet = runtime.project<ledger<0>>({.max_waiting = 1}).value();
  for (const auto& elsewhere :
       {cairn::position{1, cairn::shard_id{3}}, cairn::position::start_of(cairn::shard_id{3})}) {
    const auto refused = sheet.wait_for(elsewhere);
    CHECK(refused.error().code() == errc::invalid_argument);
    CHECK(refused.error().message().find(to_string(elsewhere)) != std::string::npos);
  }
  CHECK_FALSE(sheet.at_capacity());
}

TEST_CASE("replies that wait for a stuck projection have a bound, and so has who asks for more") {
  latch handlers;
  const handler_hook hold{[&](const cairn::event_info&) { handlers.pass(); }};
  auto runtime = open_runtime();
  const auto accounts = runtime.host<account>().value();
  const auto sheet = runtime.project<ledger<0>>({.max_waiting = 3}).value();
  handlers.shut();
  std::vector<cairn::future<cairn::reply>> waiting;
  for (int i = 0; i < 3; ++i) {
    waiting.push_back(accounts.ask("a", put(1), {.visible_in = {sheet}}));
    REQUIRE(accounts.ask("a", put(1)).get()); // so the one before is durable, and waits
  }
  const auto refused = accounts.ask("a", put(1), {.visible_in = {sheet}}).get();
  CHECK(refused.error().code() == errc::overloaded);
  CHECK(sheet.wait_for(99_pos).error().code() == errc::overloaded);
  CHECK(runtime.journal().last_position() == 6_pos); // nothing was written
  handlers.open();
  for (auto& reply : waiting)
    CHECK(reply.get().value().accepted());
  CHECK(accounts.ask("a", put(1), {.visible_in = {sheet}}).get().value().accepted());
}
