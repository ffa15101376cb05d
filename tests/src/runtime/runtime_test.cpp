#include <cairn/runtime.hpp>

#include <cairn/schema_catalogue.hpp>

#include "account.hpp"
#include "literals.hpp"
#include "temporary_directory.hpp"
#include "thread_limit.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <variant>
#include <vector>

using namespace test;
using cairn::errc;

namespace {

deposit put(std::uint64_t amount) {
  return {.amount = amount, .note = {}};
}

auto balance_of(const cairn::aggregates<account>& accounts, std::string_view id) {
  return accounts.query(id, [](const account_state& now) { return now.balance; });
}

/// Sockets that this process holds.
std::vector<std::string> sockets() {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(entry.path(), gone).string();
    if (target.rfind("socket:", 0) == 0)
      found.push_back(target);
  }
  return found;
}

/// An account whose program has forgotten that accounts are closed.
struct endless_account : account {
  using command = std::variant<deposit>;
  using event = std::variant<deposited, withdrawn, fee_taken>;
  static cairn::decision<event> decide(const state&, const deposit& c) {
    return deposited{.amount = c.amount, .note = c.note};
  }
  static void evolve(state& now, const deposited& e) { now.balance += e.amount; }
  static void evolve(state& now, const withdrawn& e) { now.balance -= e.amount; }
  static void evolve(state& now, const fee_taken& e) { now.balance -= e.amount; }
};

} // namespace

TEST_CASE("a command is answered with the version and position of its event, and a query sees it") {
  auto runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
  auto accounts = runtime.host<account>().value();
  const auto first = accounts.ask("a", deposit{.amount = 5, .note = "tea"}).get().value();
  CHECK(first.accepted());
  CHECK(first.version() == 1_ver);
  CHECK(first.position() == 1_pos);
  const auto second = accounts.ask("a", withdraw{.amount = 7}).get().value();
  REQUIRE(!second.accepted());
  CHECK(second.rejection().code == "insufficient_funds");
  CHECK(balance_of(accounts, "a").get().value() == 5);
  std::vector<cairn::future<cairn::reply>> many;
  for (int i = 0; i < 10'000; ++i)
    many.push_back(accounts.ask("b" + std::to_string(i % 100), put(1)));
  for (auto& call : many)
    CHECK(call.get().value().accepted());
  CHECK(balance_of(accounts, "b7").get().value() == 100);
  CHECK(runtime.status().outstanding == 0);
  CHECK(runtime.status().journal.last_position == 10'001_pos);
  CHECK(runtime.close());
}

TEST_CASE("everything accepted is found again when the directory is opened again") {
  const temporary_directory directory;
  cairn::ask_options once;
  once.command_id = cairn::message_id::from_text("salary of May");
  std::optional<cairn::reply> first;
  {
    auto runtime = cairn::runtime::open({.storage = cairn::lmdb{directory / "data"}}).value();
    auto accounts = runtime.host<account>({.snapshot_every = 7}).value();
    for (int i = 0; i < 100; ++i)
      REQUIRE(accounts.ask("a" + std::to_string(i % 3), put(1)).get());
    first = accounts.ask("a0", put(1000), once).get().value();
    CHECK(runtime.close());
  }
  auto runtime = cairn::runtime::open({.storage = cairn::lmdb{directory / "data"}}).value();
  auto accounts = runtime.host<account>({.snapshot_every = 7}).value();
  CHECK(balance_of(accounts, "a0").get().value() == 1034);
  CHECK(balance_of(accounts, "a1").get().value() == 33);
  const auto again = accounts.ask("a0", put(1000), once).get().value();
  CHECK(again.repeated());
  CHECK(again.version() == first->version());
  CHECK(again.position() == first->position());
  CHECK(accounts.state_at_version("a0", 10_ver).value().balance == 10);
}

TEST_CASE("an option that makes no sense is refused by its name") {
  const auto refused = [](const cairn::runtime_options& options) {
    const auto opened = cairn::runtime::open(options);
    REQUIRE(!opened);
    CHECK(opened.error().code() == errc::invalid_argument);
    return opened.error().message();
  };
  CHECK(refused({.storage = cairn::in_memory{}, .max_outstanding = 0}).find("max_outstanding")
        != std::string::npos);
  CHECK(refused({.storage = cairn::in_memory{}, .max_outstanding_bytes = 0})
            .find("max_outstanding_bytes")
        != std::string::npos);
  CHECK(refused({.storage = cairn::in_memory{}, .max_resident = 0}).find("max_resident")
        != std::string::npos);
  CHECK(refused({.storage = cairn::in_memory{}, .max_resident_bytes = 0}).find("max_resident_bytes")
        != std::string::npos);
  CHECK(refused({.storage = cairn::lmdb{}}).find("directory must") != std::string::npos);
}

TEST_CASE("no runtime opens without saying where its events are kept") {
  // A runtime that forgot them at its end would otherwise be one forgotten option away.
  static_assert(!std::is_default_constructible_v<cairn::runtime_options>);
  static_assert(!std::is_default_constructible_v<cairn::storage>);
}

TEST_CASE("a journal in memory takes its options") {
  constexpr std::chrono::sys_time<std::chrono::nanoseconds> then{std::chrono::hours{1}};
  auto runtime =
      cairn::runtime::open({.storage = cairn::in_memory{.max_event_bytes = 1024,
                                                        .wall_clock = [=] { return then; }}})
          .value();
  auto accounts = runtime.host<account>().value();
  const deposit long_one{.amount = 1, .note = std::string(2000, 'x')};
  CHECK(accounts.ask("a", long_one).get().error().code() == errc::invalid_argument);
  CHECK(accounts.ask("a", put(1)).get());
  CHECK(accounts.history("a", [&](const cairn::event_info& info, const account::event&) {
    CHECK(info.recorded_at == then);
  }));
}

TEST_CASE("a directory that is open already is refused") {
  const temporary_directory directory;
  auto runtime = cairn::runtime::open({.storage = cairn::lmdb{directory / "data"}}).value();
  CHECK(cairn::runtime::open({.storage = cairn::lmdb{directory / "data"}}).error().code()
        == errc::already_open);
}

TEST_CASE("a runtime opens no port and no socket at all") {
  const temporary_directory directory;
  const auto before = sockets();
  auto runtime = cairn::runtime::open({.storage = cairn::lmdb{directory / "data"}}).value();
  auto accounts = runtime.host<account>().value();
  REQUIRE(accounts.ask("a", put(1)).get());
  CHECK(sockets() == before);
}

TEST_CASE("a runtime that is destroyed answers first") {
  std::vector<cairn::future<cairn::reply>> sent;
  std::optional<cairn::aggregates<account>> accounts;
  {
    auto runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
    accounts = runtime.host<account>().value();
    for (int i = 0; i < 1000; ++i)
      sent.push_back(accounts->ask("a" + std::to_string(i % 10), put(1)));
  }
  for (auto& call : sent) {
    REQUIRE(call.ready());
    CHECK(call.get().value().accepted());
  }
  CHECK(accounts->ask("a", put(1)).get().error().code() == errc::shut_down);
  CHECK(accounts->state_at_version("a", 1_ver).error().code() == errc::shut_down);
}

TEST_CASE("threads that close a runtime at once all find it closed") {
  for (int round = 0; round < 20; ++round) {
    auto runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
    auto accounts = runtime.host<account>().value();
    for (int i = 0; i < 100; ++i)
      (void)accounts.ask("a" + std::to_string(i), put(1));
    std::vector<std::thread> closing;
    for (int t = 0; t < 3; ++t) {
      closing.emplace_back([&] {
        CHECK(runtime.close());
        CHECK(runtime.status().resident == 0);
      });
    }
    for (auto& thread : closing)
      thread.join();
    CHECK(runtime.close());
  }
}

TEST_CASE("a runtime closes in another thread than the one that opened it") {
  auto runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
  auto accounts = runtime.host<account>().value();
  CHECK(accounts.ask("a", put(1)).get().value().accepted());
  std::thread closing{[&] { CHECK(runtime.close()); }};
  closing.join();
}

TEST_CASE("a runtime closes while the threads that activated its aggregates live on") {
  auto runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
  const auto accounts = runtime.host<account>().value();
  std::promise<void> activated;
  std::promise<void> closed;
  std::thread client{[&] {
    CHECK(accounts.ask("a", put(1)).get().value().accepted());
    activated.set_value();
    closed.get_future().get();
  }};
  activated.get_future().get();
  CHECK(runtime.close());
  closed.set_value();
  client.join();
}

TEST_CASE("a runtime that is replaced is closed") {
  auto runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
  auto old_accounts = runtime.host<account>().value();
  runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
  CHECK(old_accounts.ask("a", put(1)).get().error().code() == errc::shut_down);
  CHECK(runtime.host<account>().value().ask("a", put(1)).get().value().accepted());
}

TEST_CASE("closing from one thread while others send answers every call, one way or the other") {
  auto runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
  const auto accounts = runtime.host<account>().value();
  std::vector<std::thread> clients;
  std::atomic<int> accepted{0};
  for (int t = 0; t < 4; ++t) {
    clients.emplace_back([&, t] {
      for (int i = 0;; ++i) {
        const auto outcome = accounts.ask("a" + std::to_string(t * 100 + i % 50), put(1)).get();
        if (!outcome) {
          CHECK(outcome.error().code() == errc::shut_down);
          return;
        }
        accepted.fetch_add(1);
      }
    });
  }
  while (accepted.load() < 1000)
    std::this_thread::yield();
  CHECK(runtime.close());
  for (auto& client : clients)
    client.join();
  CHECK(runtime.journal().status().last_position
        == cairn::position{static_cast<std::uint64_t>(accepted.load())});
}

TEST_CASE("requests that come while a runtime closes, and are refused, do not disturb it") {
  for (int round = 0; round < 100; ++round) {
    auto runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
    const auto accounts = runtime.host<account>().value();
    std::atomic<bool> closed = false;
    std::vector<std::thread> clients;
    for (int i = 0; i < 12; ++i)
      clients.emplace_back([&] {
        while (!closed)
          (void)accounts.ask("a", put(1)).get();
      });
    REQUIRE(accounts.ask("a", put(1)).get());
    CHECK(runtime.close());
    closed = true;
    for (auto& client : clients)
      client.join();
  }
}

TEST_CASE("a journal knows the schemas of the aggregates that it was opened with") {
  const temporary_directory directory;
  for (int opening = 0; opening < 2; ++opening) {
    auto runtime = cairn::runtime::open({.storage = cairn::lmdb{directory / "j"}}).value();
    auto accounts = runtime.host<account>().value();
    CHECK(accounts.ask("a", put(7)).get().value().accepted());
    const auto catalogue = cairn::schema_catalogue::load(runtime.journal()).value();
    CHECK(catalogue.generations() == 1);
    CHECK(runtime.journal().replay_all(1_pos, [&](const cairn::event_view& event) {
      const auto text = catalogue.event_as_json(event).value();
      CHECK_MESSAGE(text.find(R"("type":"Deposited","event":{"amount":"7"}})") != std::string::npos,
                    text);
      return cairn::visit_result::proceed;
    }));
  }
}

TEST_CASE("a program that cannot read what the journal holds is refused when it hosts the type") {
  const temporary_directory directory;
  {
    auto runtime = cairn::runtime::open({.storage = cairn::lmdb{directory / "j"}}).value();
    CHECK(runtime.host<account>().value().ask("a", test::close{}).get().value().accepted());
  }
  {
    auto runtime = cairn::runtime::open({.storage = cairn::lmdb{directory / "j"}}).value();
    const auto refused = runtime.host<endless_account>();
    REQUIRE(!refused);
    CHECK(refused.error().code() == errc::incompatible_schema);
    CHECK(refused.error().message().find("account: the event type Closed") != std::string::npos);
    CHECK(refused.error().position() == 1_pos);
    CHECK(runtime.host<account>().value().ask("a", put(1)).get().value().rejection().code
          == "closed");
  }
  // Where no such event is, forgetting it does no harm.
  auto runtime = cairn::runtime::open({.storage = cairn::lmdb{directory / "other"}}).value();
  CHECK(runtime.host<account>());
  CHECK(runtime.close());
  runtime = cairn::runtime::open({.storage = cairn::lmdb{directory / "other"}}).value();
  CHECK(runtime.host<endless_account>());
}

TEST_CASE("hosting on a closed runtime fails with shut_down") {
  auto runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
  CHECK(runtime.close());
  CHECK(runtime.host<account>().error().code() == errc::shut_down);
}

TEST_CASE("a runtime for which there are too few threads says so") {
  for (const rlim_t most : {1, 2, 3, 5}) // of 4 and the journal's
    cairn::test::in_child_of_somebody([&](const std::filesystem::path& where) {
      if (!cairn::test::limit_threads(most))
        return cairn::test::not_here;
      const auto opened = cairn::runtime::open({.storage = cairn::lmdb{where}, .threads = 4});
      return !opened && opened.error().code() == errc::io_failed ? 0 : 1;
    });
}

TEST_CASE("aggregates are loaded though the system has no thread to give for it") {
  cairn::test::in_child_of_somebody([](const std::filesystem::path& where) {
    auto runtime = cairn::runtime::open({.storage = cairn::lmdb{where}, .threads = 2}).value();
    auto accounts = runtime.host<account>().value();
    if (!cairn::test::limit_threads(1))
      return cairn::test::not_here;
    std::vector<cairn::future<cairn::reply>> sent;
    for (int i = 0; i < 20; ++i)
      sent.push_back(accounts.ask("a" + std::to_string(i), put(1)));
    for (auto& call : sent)
      if (!call.get())
        return 1;
    return runtime.close() ? 0 : 2;
  });
}
