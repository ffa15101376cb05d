#pragma once

#include "account.hpp"
#include "scripted_journal.hpp"

#include <cairn/aggregates.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace cairn::detail {
class commit_listener;
}

namespace test {

using namespace std::chrono_literals;

/// The bounds of a `test_engine`; generous where a test does not set them.
struct engine_setup {
  std::size_t max_outstanding = 100'000;
  std::size_t max_outstanding_bytes = std::size_t{1} << 30;
  std::size_t max_resident = 100'000;
  std::size_t max_resident_bytes = std::size_t{1} << 30;
  std::size_t max_concurrent_rehydrations = 1;
  std::size_t max_event_bytes = cairn::default_max_event_bytes;
  std::size_t executor_threads = 4; ///< Of a `threaded_engine`.
};

/// What an engine counts.
struct engine_figures {
  std::size_t outstanding = 0;
  std::size_t outstanding_bytes = 0;
  std::size_t resident = 0;
  std::size_t resident_bytes = 0;
  std::size_t waiting_rehydrations = 0;
  std::uint64_t rehydrations = 0;
  std::uint64_t passivations = 0;
  std::uint64_t overloaded = 0;
  std::uint64_t ignored_snapshots = 0;
};

/// The actor layer on a deterministic scheduler and a clock of the test's: nothing happens
/// before the test calls `run`, and then everything does, in one thread. The journal outlives it.
class test_engine {
public:
  explicit test_engine(cairn::journal& events, const engine_setup& setup = {});
  /// Closes; nothing may be waiting for a held journal.
  ~test_engine();

  template <cairn::aggregate T>
  cairn::aggregates<T> host(const cairn::aggregate_options& options = {}) {
    return cairn::aggregates<T>{
        host(std::make_unique<cairn::detail::typed_model<T>>(options)).value()};
  }

  /// Runs actors until none has anything to do.
  void run();
  /// Runs one actor once; false: none has anything to do.
  bool run_once();

  /// The outcome of a call that needs nothing but actors to run.
  template <class T>
  cairn::result<T> finish(cairn::future<T> call) {
    run();
    REQUIRE(call.ready());
    return call.get();
  }

  /// Moves the clock on, and then lets enough rounds of passivation pass to look at everything.
  void pass(std::chrono::milliseconds time);
  /// Moves the clock on, and has the actor that looks for idle aggregates woken; runs nothing.
  void pass_time_only(std::chrono::milliseconds time);
  std::chrono::steady_clock::time_point now() const;

  /// Lets everything that has been idle leave memory.
  void passivate_idle() { pass(11min); }

  engine_figures figures() const;

  /// From now on `listener` hears of durable events; nullptr: nobody does.
  void tell(cairn::detail::commit_listener* listener);

  /// Closes the engine, once.
  void close();

private:
  cairn::result<std::shared_ptr<cairn::detail::aggregate_host>>
  host(std::unique_ptr<cairn::detail::aggregate_model> model);

  struct parts;
  std::unique_ptr<parts> parts_;
};

/// The actor layer on threads, as applications run it. The journal outlives it.
class threaded_engine {
public:
  explicit threaded_engine(cairn::journal& events, const engine_setup& setup = {},
                           std::chrono::milliseconds passivation_interval = 250ms);
  ~threaded_engine();

  template <cairn::aggregate T>
  cairn::aggregates<T> host(const cairn::aggregate_options& options = {}) {
    return cairn::aggregates<T>{
        host(std::make_unique<cairn::detail::typed_model<T>>(options)).value()};
  }

  engine_figures figures() const;
  void close();

private:
  cairn::result<std::shared_ptr<cairn::detail::aggregate_host>>
  host(std::unique_ptr<cairn::detail::aggregate_model> model);

  struct parts;
  std::unique_ptr<parts> parts_;
};

/// Most tests: a scripted journal and an engine on it.
struct engine_fixture {
  scripted_journal journal;
  test_engine engine{journal};
};

/// The outcome of a call that must have been answered by now: `get` would wait for ever.
template <class T>
cairn::result<T> settled(cairn::future<T>& call) {
  REQUIRE(call.ready());
  return call.get();
}

// Shorthands of the domain.

inline deposit put(std::uint64_t amount, std::string note = {}) {
  return {.amount = amount, .note = std::move(note)};
}
inline withdraw take(std::uint64_t amount) {
  return {.amount = amount};
}
inline cairn::ask_options with_id(std::uint64_t id) {
  cairn::ask_options options;
  options.command_id = {1, id};
  return options;
}
inline cairn::ask_options expecting(cairn::expected_version expected) {
  cairn::ask_options options;
  options.expected = expected;
  return options;
}
inline auto balance_of(const cairn::aggregates<account>& accounts, std::string_view id) {
  return accounts.query(id, [](const account_state& now) { return now.balance; });
}
inline cairn::stream_id stream_of(std::string_view id) {
  return cairn::stream_id::make(account::type_name, id).value();
}

/// Appends an event to an account behind the engine's back.
cairn::result<cairn::commit> append_foreign(scripted_journal& events, std::string_view id,
                                            account::event event,
                                            cairn::message_id command_id = {});

} // namespace test
