// With threads: what cannot be driven step by step is at least counted.

#include "engine_fixture.hpp"

#include <cairn/memory_journal.hpp>

#include <atomic>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

using namespace test;

namespace {

std::uint64_t seed() {
  if (const char* const given = std::getenv("CAIRN_TEST_SEED"))
    return std::strtoull(given, nullptr, 10);
  return std::random_device{}();
}

} // namespace

TEST_CASE("no message is lost while aggregates passivate under load: deposits add up to balances") {
  const auto from = seed();
  MESSAGE("CAIRN_TEST_SEED=" << from);
  constexpr int threads = 4;
  constexpr int commands = 6'000; // of each thread
  constexpr int ids = 64;
  std::unique_ptr<cairn::journal> journal = cairn::make_memory_journal();
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> overloaded{0};
  std::atomic<std::uint64_t> seen_wrong{0};
  {
    threaded_engine engine{*journal, {.max_resident = 4, .max_concurrent_rehydrations = 1}, 1ms};
    const auto accounts = engine.host<account>({.snapshot_every = 5, .idle_timeout = 1ms});
    std::vector<std::thread> clients;
    for (int t = 0; t < threads; ++t) {
      clients.emplace_back([&, t] {
        std::mt19937_64 random{from + static_cast<std::uint64_t>(t)};
        std::vector<cairn::future<cairn::reply>> sent;
        const auto collect = [&] {
          for (auto& call : sent) {
            const auto outcome = call.get();
            if (outcome)
              accepted.fetch_add(1);
            else if (outcome.error().code() == cairn::errc::overloaded)
              overloaded.fetch_add(1);
            else
              seen_wrong.fetch_add(1);
          }
          sent.clear();
        };
        for (int i = 0; i < commands; ++i) {
          const auto id = "a" + std::to_string(random() % ids);
          sent.push_back(accounts.ask(id, put(1), with_id(random())));
          if (sent.size() > random() % 32)
            collect();
        }
        collect();
      });
    }
    for (auto& client : clients)
      client.join();
    // Queries meet the bound as commands do: each is asked again until it is let in.
    std::uint64_t sum = 0;
    for (int i = 0; i < ids; ++i) {
      auto balance = balance_of(accounts, "a" + std::to_string(i)).get();
      for (int tries = 0; !balance && tries < 1'000'000; ++tries) {
        REQUIRE(balance.error().code() == cairn::errc::overloaded);
        std::this_thread::yield();
        balance = balance_of(accounts, "a" + std::to_string(i)).get();
      }
      sum += balance.value();
    }
    CHECK(sum == accepted.load());
    CHECK(engine.figures().passivations > 0);
    MESSAGE(accepted.load() << " accepted, " << overloaded.load() << " overloaded, "
                            << engine.figures().passivations << " passivations, "
                            << engine.figures().rehydrations << " rehydrations");
  }
  CHECK(seen_wrong.load() == 0);
  CHECK(accepted.load() + overloaded.load() == threads * commands);
  CHECK(journal->last_position() == cairn::position{accepted.load()});
}
