// What functions of the application do to a runtime, case by case; the matrix has all places.

#include <cairn/reading_runtime.hpp>
#include <cairn/runtime.hpp>

#include "desk.hpp"
#include "failing_disk.hpp"
#include "latch.hpp"
#include "literals.hpp"
#include "temporary_directory.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <coroutine>
#include <cstdio>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

using namespace test;
using cairn::errc;

namespace {

/// What the sink of a runtime was told.
class notebook {
public:
  cairn::log_sink sink() {
    return [this](const cairn::log_entry& entry) {
      const std::lock_guard lock{mutex_};
      entries_.push_back({std::string{entry.name}, entry.level, std::string{entry["error"]}});
      changed_.notify_all();
    };
  }
  struct noted {
    std::string name;
    cairn::log_level level;
    std::string error;
  };
  /// The first entry of this name, which is waited for.
  noted wait_for(std::string_view name) {
    std::unique_lock lock{mutex_};
    const noted* found = nullptr;
    changed_.wait(lock, [&] { return (found = find(name)) != nullptr; });
    return *found;
  }
  std::size_t count(std::string_view name) {
    const std::lock_guard lock{mutex_};
    return static_cast<std::size_t>(std::count_if(
        entries_.begin(), entries_.end(), [&](const noted& each) { return each.name == name; }));
  }

private:
  const noted* find(std::string_view name) const {
    for (const auto& each : entries_)
      if (each.name == name)
        return &each;
    return nullptr;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<noted> entries_;
};

put_note note(std::string text) {
  return {.text = std::move(text)};
}

/// Makes evolve throw while it is set.
class faulty_evolve {
public:
  faulty_evolve() {
    hooked.arm(
        spot::evolve,
        [this] {
          if (faulty)
            throw std::runtime_error{"a fault"};
        },
        1 << 30);
  }
  ~faulty_evolve() { hooked.arm(spot::nowhere, {}, 0); }
  faulty_evolve(const faulty_evolve&) = delete;
  faulty_evolve& operator=(const faulty_evolve&) = delete;

  std::atomic<bool> faulty = false;
};

struct task {
  struct promise_type {
    task get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

} // namespace

TEST_CASE("a visitor of history holds no read transaction, and sees the stream as of its call") {
  const temporary_directory home;
  auto runtime = cairn::runtime::open({.storage = cairn::lmdb{home.path()}}).value();
  const auto desks = runtime.host<desk>().value();
  constexpr std::uint64_t events = 10'000; // more than are copied at a time
  std::vector<cairn::future<cairn::reply>> replies;
  for (std::uint64_t i = 0; i < events; ++i) {
    replies.push_back(desks.ask("a", note(std::to_string(i))));
    if (i % 3 == 0)
      replies.push_back(desks.ask("between", note("x")));
  }
  for (auto& reply : replies)
    REQUIRE(reply.get().value().accepted());
  std::uint64_t next = 0;
  const auto last = desks.history("a", [&](const cairn::event_info& at, const desk::event& event) {
    REQUIRE(at.version.number() == next + 1);
    REQUIRE(std::get<note_put>(event).text == std::to_string(next));
    ++next;
    if (next % 2'000 != 1)
      return;
    for (int i = 0; i < 20; ++i) // a read transaction that was held would be milliseconds old
      REQUIRE(desks.ask("a", note("meanwhile")).get().value().accepted());
    CHECK(runtime.journal().status().oldest_reader == std::chrono::milliseconds{0});
  });
  CHECK(last.value() == cairn::version{events});
  CHECK(next == events);
  CHECK(desks.state_at_version("a", cairn::version{9'999}).value().notes == 9'999);
}

TEST_CASE("history ends where it was told to, in the middle of what was copied and behind it") {
  auto runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
  const auto desks = runtime.host<desk>().value();
  for (int i = 0; i < 9'000; ++i)
    (void)desks.ask("a", note("x"));
  REQUIRE(desks.query("a", [](const desk_now& now) { return now.notes; }).get().value() == 9'000);
  for (const auto& [from, to, visited] :
       std::vector<std::array<std::uint64_t, 3>>{{1, 1, 1},
                                                 {1, 4'096, 4'096},
                                                 {1, 4'097, 4'097},
                                                 {4'096, 8'193, 4'098},
                                                 {1, 0, 0},
                                                 {9'000, 9'000, 1},
                                                 {9'001, 9'500, 0},
                                                 {3, 20'000, 8'998}}) {
    CAPTURE(from);
    CAPTURE(to);
    std::uint64_t seen = 0;
    const auto last = desks.history(
        "a", [&](const auto&, const auto&) { ++seen; }, cairn::version{from}, cairn::version{to});
    CHECK(seen == visited);
    CHECK(last.value() == cairn::version{from + visited - 1});
  }
}

TEST_CASE("a runtime that closes while history is visited lets the visitor finish what it has") {
  for (const bool by_visitor : {true, false}) {
    auto runtime = std::make_unique<cairn::runtime>(
        cairn::runtime::open({.storage = cairn::in_memory{}}).value());
    const auto desks = runtime->host<desk>().value();
    for (int i = 0; i < 9'000; ++i)
      (void)desks.ask("a", note("x"));
    REQUIRE(desks.query("a", [](const desk_now& now) { return now.notes; }).get().value() == 9'000);
    std::uint64_t seen = 0;
    const auto ended = desks.history("a", [&](const auto&, const auto&) {
      if (++seen != 1)
        return;
      if (by_visitor)
        runtime.reset();
      else
        std::thread{[&] { runtime.reset(); }}.join();
    });
    CHECK(ended.error().code() == errc::shut_down);
    CHECK(seen == 4'096);
  }
}

TEST_CASE("an aggregate that could not be rebuilt is tried again for each later request, also one "
          "from the continuation of the error") {
  auto runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
  const auto desks = runtime.host<desk>().value();
  REQUIRE(desks.ask("a", note("x")).get().value().accepted());
  faulty_evolve evolve;
  REQUIRE(desks.ask("a", upset{}).get().error().code() == errc::evolve_failed); // drops its state
  evolve.faulty = true;
  const auto before = runtime.status().rehydrations;
  auto outcome = cairn::detail::make_intrusive<
      cairn::detail::future_state<std::vector<cairn::result<cairn::reply>>>>();
  cairn::future<std::vector<cairn::result<cairn::reply>>> all{outcome};
  std::vector<cairn::result<cairn::reply>> came;
  desks.ask("a", note("y")).then([&](cairn::result<cairn::reply>&& first) {
    came.push_back(std::move(first));
    desks.ask("a", note("y")).then([&](cairn::result<cairn::reply>&& second) {
      came.push_back(std::move(second));
      evolve.faulty = false; // mended
      desks.ask("a", note("y")).then([&](cairn::result<cairn::reply>&& third) {
        came.push_back(std::move(third));
        outcome->settle(std::move(came));
      });
    });
  });
  const auto results = all.get().value();
  REQUIRE(results.size() == 3);
  CHECK(results[0].error().code() == errc::evolve_failed);
  CHECK(results[1].error().code() == errc::evolve_failed);
  CHECK(results[2].value().accepted());
  CHECK(runtime.status().rehydrations == before + 3);
}

TEST_CASE("a clock that throws fails the commands and queries that were to be executed, and "
          "nothing else") {
  std::atomic<bool> throws = false;
  notebook told;
  cairn::runtime_options options{.storage = cairn::in_memory{}};
  options.clock = [&] {
    if (throws)
      throw std::runtime_error{"it has stopped"};
    return std::chrono::steady_clock::now();
  };
  options.log = told.sink();
  auto runtime = cairn::runtime::open(std::move(options)).value();
  const auto desks = runtime.host<desk>().value();
  const auto rows = runtime.project<boards<0>>().value();
  REQUIRE(desks.ask("a", note("x")).get().value().accepted());
  throws = true;
  const auto refused = desks.ask("a", note("y")).get();
  CHECK(refused.error().code() == errc::decide_failed);
  CHECK(refused.error().message().find("clock threw: it has stopped") != std::string::npos);
  CHECK(desks.query("new", [](const desk_now&) { return 0; }).get().error().code()
        == errc::decide_failed);
  CHECK(told.wait_for("clock_failed").level == cairn::log_level::warning);
  (void)rows.status();
  throws = false;
  const auto reply = desks.ask("a", note("z")).get().value();
  CHECK(reply.version() == 2_ver); // nothing of "y" was written
  CHECK(rows.wait_for(reply.position()));
  CHECK(runtime.close());
}

TEST_CASE("a clock that throws fails the query of a runtime for reading") {
  const temporary_directory home;
  REQUIRE(cairn::runtime::open({.storage = cairn::lmdb{home.path()}}).value().close());
  cairn::reading_options options;
  options.clock = []() -> std::chrono::steady_clock::time_point { throw 1; };
  auto runtime =
      cairn::reading_runtime::open({.directory = home.path()}, std::move(options)).value();
  const auto desks = runtime.host<desk>().value();
  CHECK(desks.query("a", [](const desk_now&) { return 0; }).get().error().code()
        == errc::decide_failed);
}

TEST_CASE("the log sink hears of what retries, stops, ends and is decided") {
  notebook told;
  cairn::runtime_options options{.storage = cairn::in_memory{}};
  options.log = told.sink();
  auto runtime = cairn::runtime::open(std::move(options)).value();
  CHECK(told.wait_for("opened").level == cairn::log_level::info);
  const auto desks = runtime.host<desk>().value();
  cairn::projection_options twice;
  twice.max_attempts = 2;
  twice.initial_backoff = std::chrono::milliseconds{1};
  const auto rows = runtime.project<boards<0>>(twice).value();
  cairn::durable_subscription_options durably;
  durably.max_attempts = 2;
  durably.initial_backoff = std::chrono::milliseconds{1};
  auto durable = runtime
                     .subscribe_durably<desk>(
                         "mailer",
                         [](const cairn::event_info&, const note_put&) {
                           throw std::runtime_error{"no post today"};
                         },
                         durably)
                     .value();
  auto plain = desks
                   .subscribe([](const cairn::event_info&, const note_put&) {
                     throw std::runtime_error{"no paper"};
                   })
                   .value();
  REQUIRE(desks.ask("a", note("poison")).get().value().accepted());
  CHECK(told.wait_for("projection_retries").level == cairn::log_level::warning);
  const auto stopped = told.wait_for("projection_stopped");
  CHECK(stopped.level == cairn::log_level::error);
  CHECK(stopped.error.find("it is poison") != std::string::npos);
  CHECK(told.wait_for("subscription_retries").level == cairn::log_level::warning);
  CHECK(told.wait_for("subscription_stopped").error.find("no post today") != std::string::npos);
  CHECK(told.wait_for("subscription_ended").error.find("no paper") != std::string::npos);
  CHECK(rows.skip("known"));
  CHECK(durable.skip("known"));
  CHECK(told.count("decision") == 2);
  CHECK(told.count("projection_stopped") == 1);
}

TEST_CASE("the log sink hears once that a commit has failed, and that the journal is open again") {
  const temporary_directory home;
  notebook told;
  cairn::runtime_options options{.storage = cairn::lmdb{home.path()}};
  options.log = told.sink();
  auto runtime = cairn::runtime::open(std::move(options)).value();
  const auto desks = runtime.host<desk>().value();
  {
    failing_disk disk{1, {.error = EIO}};
    watch_io(home.path(), &disk);
    CHECK_FALSE(desks.ask("a", note("x")).get());
    watch_io({}, nullptr);
  }
  CHECK(told.wait_for("commit_failed").level == cairn::log_level::error);
  CHECK_FALSE(desks.ask("a", note("y")).get());
  CHECK(told.count("commit_failed") == 1);
  REQUIRE(runtime.reopen());
  CHECK(told.count("reopened") == 1);
  CHECK(desks.ask("a", note("z")).get().value().accepted());
}

TEST_CASE("the log sink hears of an aggregate that cannot be rebuilt") {
  notebook told;
  cairn::runtime_options options{.storage = cairn::in_memory{}};
  options.log = told.sink();
  auto runtime = cairn::runtime::open(std::move(options)).value();
  const auto desks = runtime.host<desk>().value();
  REQUIRE(desks.ask("a", note("x")).get().value().accepted());
  faulty_evolve evolve;
  REQUIRE_FALSE(desks.ask("a", upset{}).get());
  evolve.faulty = true;
  CHECK_FALSE(desks.ask("a", note("y")).get());
  CHECK(told.wait_for("aggregate_not_rebuilt").error.find("a fault") != std::string::npos);
}

TEST_CASE("what the log sink throws, or causes itself, is dropped and counted") {
  cairn::runtime* within = nullptr;
  cairn::runtime_options options{.storage = cairn::in_memory{}};
  options.log = [&](const cairn::log_entry& entry) {
    if (within && entry.name == "projection_stopped")
      throw std::runtime_error{"the disk of the log is full"};
  };
  auto runtime = cairn::runtime::open(std::move(options)).value();
  within = &runtime;
  const auto desks = runtime.host<desk>().value();
  cairn::projection_options once;
  once.max_attempts = 1;
  const auto rows = runtime.project<boards<0>>(once).value();
  const auto reply = desks.ask("a", note("poison")).get().value();
  CHECK(rows.wait_for(reply.position()).error().code() == errc::projection_stopped);
  CHECK(runtime.status().log_failures == 1);
}

TEST_CASE("without a sink, warnings and errors are lines on stderr, and the rest is not said") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const int kept = ::dup(STDERR_FILENO);
  ::dup2(ends[1], STDERR_FILENO);
  const auto say = cairn::default_log_sink();
  const cairn::log_field fields[] = {{"projection", "ledger"}, {"error", "it said \"no\"\ntwice"}};
  say({cairn::log_level::info, "opened", fields});
  say({cairn::log_level::warning, "projection_retries", fields});
  say({cairn::log_level::error, "projection_stopped", fields});
  ::dup2(kept, STDERR_FILENO);
  ::close(kept);
  ::close(ends[1]);
  std::string text(4096, '\0');
  std::size_t length = 0;
  for (::ssize_t got = 0; (got = ::read(ends[0], text.data() + length, text.size() - length)) > 0;)
    length += static_cast<std::size_t>(got);
  ::close(ends[0]);
  text.resize(length);
  const std::string rest = " projection=ledger error=\"it said \\\"no\\\" twice\"\n";
  CHECK(text
        == "cairn: warning: projection_retries" + rest + "cairn: error: projection_stopped" + rest);
}

TEST_CASE("a handler that lets go of its runtime's name in its destructor may subscribe again") {
  auto runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
  struct subscribes_at_end {
    cairn::runtime& in;
    ~subscribes_at_end() {
      CHECK(in.subscribe_durably("other", cairn::event_selection::all(),
                                 [](const cairn::event_view&) {}));
    }
  };
  const auto all = cairn::event_selection::all();
  {
    auto held = std::make_shared<subscribes_at_end>(runtime);
    auto first = runtime.subscribe_durably("one", all, [held](const cairn::event_view&) {}).value();
    CHECK(first.close());
  }
  const auto again = runtime.subscribe_durably("one", all, [](const cairn::event_view&) {});
  CHECK(again);
}

TEST_CASE("a command that is made before the co_await arrives whole and is destroyed once") {
  auto runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
  const auto desks = runtime.host<desk>().value();
  std::string said;
  latch over;
  over.shut();
  const auto put_and_look = [](auto on, std::string text, std::string& into,
                               latch& at_end) -> task {
    auto put = on.ask("a", put_note{.text = text});
    const auto reply = co_await put;
    CHECK(reply.value().accepted());
    CHECK_FALSE(put.valid());
    (void)on.history("a", [&](const auto&, const auto& e) { into = std::get<note_put>(e).text; });
    at_end.open();
  };
  const std::string text = "a text that is too long to be kept within a std::string itself";
  put_and_look(desks, text, said, over);
  over.pass();
  CHECK(said == text);
}
