#include "ledger_projection.hpp"
#include "literals.hpp"

#include <atomic>
#include <thread>
#include <vector>

using namespace test;
using namespace std::chrono_literals;
using cairn::errc;
using cairn::projection_mode;

namespace {

auto from_now(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

std::uint64_t movements_of(const cairn::projection<ledger<0>>& sheet, const std::string& id) {
  const auto row = sheet.read().value().get(ledger<0>::balances, id).value();
  return row ? row->movements : 0;
}

} // namespace

TEST_CASE("whoever got the reply sees the row, under load") {
  struct way {
    projection_mode mode;
    bool ask_for_it;
  };
  for (const auto& [mode, ask_for_it] :
       {way{projection_mode::before_reply, false}, way{projection_mode::async, true}}) {
    const temporary_directory directory;
    auto runtime = open_runtime(directory / "data");
    const auto accounts = runtime.host<account>().value();
    const auto sheet = runtime.project<ledger<0>>(small_batches(mode)).value();
    std::atomic<int> unseen = 0;
    std::vector<std::thread> clients;
    for (int client = 0; client < 8; ++client)
      clients.emplace_back([&, client] {
        const auto id = "c" + std::to_string(client);
        cairn::ask_options options;
        if (ask_for_it)
          options.visible_in = {sheet};
        for (std::uint64_t i = 1; i <= 60; ++i) {
          const auto reply = accounts.ask(id, put(1), options).get();
          if (!reply || movements_of(sheet, id) < i)
            ++unseen;
        }
      });
    for (auto& client : clients)
      client.join();
    CHECK(unseen == 0);
  }
}

TEST_CASE("a reply waits for all projections that it names") {
  auto runtime = open_runtime();
  const auto accounts = runtime.host<account>().value();
  const auto one = runtime.project<ledger<0>>().value();
  const auto two = runtime.project<ledger<2>>().value();
  for (int i = 0; i < 50; ++i) {
    const auto reply = accounts.ask("a", put(1), {.visible_in = {one, two}}).get().value();
    CHECK(one.position() >= reply.position());
    CHECK(two.position() >= reply.position());
  }
  // A rejection has nothing to be seen.
  one.pause();
  const auto no = accounts.ask("a", withdraw{.amount = 1000}, {.visible_in = {one}}).get().value();
  CHECK_FALSE(no.accepted());
}

TEST_CASE("waiting ends at its deadline, and a command's reply then says that it was accepted") {
  latch handlers;
  const handler_hook hold{[&](const cairn::event_info&) { handlers.pass(); }};
  auto runtime = open_runtime();
  const auto accounts = runtime.host<account>().value();
  const auto sheet = runtime.project<ledger<0>>().value();
  handlers.shut();
  const open_at_end otherwise_closing_hangs{handlers};
  const auto ask = [&](std::chrono::milliseconds time) {
    return accounts.ask("a", put(1), {.deadline = from_now(time), .visible_in = {sheet}}).get();
  };
  auto reply = ask(20ms);
  for (auto time = 40ms; !reply && reply.error().code() == errc::deadline_exceeded; time *= 2)
    reply = ask(time); // a busy machine did not even decide it in time
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code() == errc::not_visible);
  CHECK(reply.error().version() == 1_ver);
  CHECK(reply.error().position() == 1_pos);
  CHECK(runtime.journal().last_position() == 1_pos);
  CHECK(sheet.wait_for(1_pos, from_now(1ms)).error().code() == errc::deadline_exceeded);
  handlers.open();
  CHECK(sheet.wait_for(1_pos));
}

TEST_CASE("who waits when the runtime closes is told") {
  latch handlers;
  const handler_hook hold{[&](const cairn::event_info&) { handlers.pass(); }};
  auto runtime = open_runtime();
  const auto accounts = runtime.host<account>().value();
  const auto sheet = runtime.project<ledger<0>>().value();
  handlers.shut();
  REQUIRE(accounts.ask("a", put(1)).get());
  auto waiting = sheet.when_visible(1_pos);
  auto asked = accounts.ask("a", put(1), {.visible_in = {sheet}});
  handlers.wait_for_arrival();
  std::thread closing{[&] { CHECK(runtime.close()); }};
  CHECK(asked.get().error().code() == errc::not_visible);
  CHECK(waiting.get().error().code() == errc::shut_down);
  handlers.open();
  closing.join();
}
