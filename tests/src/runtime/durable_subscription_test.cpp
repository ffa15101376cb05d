#include <cairn/reading_runtime.hpp>
#include <cairn/runtime.hpp>

#include "account.hpp"
#include "child_process.hpp"
#include "latch.hpp"
#include "literals.hpp"
#include "temporary_directory.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <future>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace test;
using cairn::consumer_state;
using cairn::errc;
using cairn::event_info;
using cairn::event_selection;
using cairn::event_view;

namespace {

deposit put(std::uint64_t amount) {
  return {.amount = amount, .note = {}};
}

/// The positions that a handler was called with; lets a test wait for them.
class call_list {
public:
  void add(cairn::position position) {
    const std::lock_guard lock{mutex_};
    positions_.push_back(position);
    changed_.notify_all();
  }
  std::vector<cairn::position> wait_for(std::size_t calls) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return positions_.size() >= calls; });
    return positions_;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<cairn::position> positions_;
};

cairn::runtime open_runtime(const std::filesystem::path& directory) {
  return cairn::runtime::open({.storage = cairn::lmdb{directory}}).value();
}

} // namespace

TEST_CASE("a durable subscription handles each event once over orderly restarts, by its thread") {
  const temporary_directory directory;
  call_list calls;
  std::uint64_t balance = 0;
  const auto add = [&](const event_info& at, const deposited& e) {
    balance += e.amount;
    calls.add(at.position);
  };
  std::size_t expected = 0;
  for (int start = 0; start < 3; ++start) {
    auto runtime = open_runtime(directory / "data");
    const auto accounts = runtime.host<account>().value();
    const auto adder = runtime.subscribe_durably<account>("adder", add).value();
    for (int i = 0; i < 20; ++i)
      REQUIRE(accounts.ask("a", put(1)).get().value().accepted());
    calls.wait_for(expected += 20);
    REQUIRE(runtime.close());
    CHECK(adder.status().state == consumer_state::closed);
  }
  std::vector<cairn::position> all;
  for (cairn::position position{1}; position <= cairn::position{expected}; ++position)
    all.push_back(position);
  CHECK(calls.wait_for(expected) == all);
  CHECK(balance == expected);
}

TEST_CASE("the handler of a durable subscription may ask, also while the runtime closes") {
  auto runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
  const auto accounts = runtime.host<account>().value();
  call_list calls;
  const auto mirror =
      runtime
          .subscribe_durably(
              "mirror", event_selection::of_stream(cairn::stream_id::make("account", "a").value()),
              [&](const event_view& event) {
                const auto copied = accounts.ask("b", put(1)).get();
                CHECK(copied.value().accepted());
                calls.add(event.position());
              })
          .value();
  REQUIRE(accounts.ask("a", put(1)).get());
  REQUIRE(accounts.ask("a", put(1)).get());
  calls.wait_for(1);
  CHECK(runtime.close()); // maybe within the second call, which gets its answer
}

TEST_CASE("a durable subscription closed from within its handler is not called again") {
  auto runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
  const auto accounts = runtime.host<account>().value();
  call_list calls;
  std::optional<cairn::durable_subscription> once;
  std::mutex setting;
  {
    const std::lock_guard lock{setting};
    once.emplace(runtime
                     .subscribe_durably("once", event_selection::all(),
                                        [&](const event_view& event) {
                                          const std::lock_guard set{setting};
                                          CHECK(once->close());
                                          calls.add(event.position());
                                        })
                     .value());
  }
  REQUIRE(accounts.ask("a", put(1)).get());
  calls.wait_for(1);
  REQUIRE(accounts.ask("a", put(1)).get());
  CHECK(once->status().state == consumer_state::closed);
  REQUIRE(runtime.close());
  CHECK(calls.wait_for(1).size() == 1);
}

TEST_CASE("a durable subscription leaves no event out when its process is killed") {
  const temporary_directory directory;
  cairn::position handled; // what a process that was killed has told of
  for (int round = 0; round < 4; ++round) {
    cairn::test::child_process other{[&](int pipe) {
      auto runtime = open_runtime(directory / "data");
      const auto accounts = runtime.host<account>().value();
      const auto told = runtime.subscribe_durably(
          "teller", event_selection::all(),
          [&](const event_view& event) { cairn::test::say(pipe, to_string(event.position())); },
          {.max_batch_events = 3, .flush_interval = std::chrono::milliseconds{1}});
      while (told && accounts.ask("a", put(1)).get().value().accepted()) {
      }
      return 1;
    }};
    for (int lines = 0; lines < 100; ++lines) {
      const cairn::position position{std::stoull("0" + other.read_line())};
      const bool is_first = lines == 0;
      REQUIRE(position >= 1_pos);
      CHECK((is_first ? position <= handled + 1 : position == handled + 1));
      handled = position;
    }
    other.kill();
    CHECK(other.wait().signal == SIGKILL);
    for (auto line = other.read_line(); !line.empty(); line = other.read_line())
      handled = cairn::position{std::stoull(line)}; // told of before it was killed
  }
  auto runtime = open_runtime(directory / "data");
  const auto last = runtime.journal().last_position();
  std::promise<void> done;
  std::vector<cairn::position> again;
  const auto teller = runtime
                          .subscribe_durably("teller", event_selection::all(),
                                             [&](const event_view& event) {
                                               again.push_back(event.position());
                                               if (event.position() == last)
                                                 done.set_value();
                                             })
                          .value();
  if (teller.status().checkpoint < last)
    done.get_future().wait();
  REQUIRE(runtime.close());
  for (std::size_t i = 0; i < again.size(); ++i)
    CHECK(again[i] == last - again.size() + 1 + i);
  CHECK(last - again.size() <= handled);
}

TEST_CASE("a durable subscription that another process has is refused") {
  const temporary_directory directory;
  cairn::test::child_process other{[&](int pipe) {
    auto runtime = open_runtime(directory / "data");
    const auto mailer =
        runtime.subscribe_durably("mailer", event_selection::all(), [](const event_view&) {});
    cairn::test::say(pipe, mailer ? "has it" : mailer.error().message());
    latch for_ever;
    for_ever.shut();
    for_ever.pass();
    return 0;
  }};
  REQUIRE(other.read_line() == "has it");
  auto reading = cairn::reading_runtime::open({.directory = directory / "data"}).value();
  const auto refused =
      reading.subscribe_durably("mailer", event_selection::all(), [](const event_view&) {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::locked);
  CHECK(reading.subscribe_durably("auditor", event_selection::all(), [](const event_view&) {}));
}
