#pragma once

#include <cairn/result.hpp>

#include "account.hpp"
#include "extremes.hpp"
#include "holdings_of_all.hpp"
#include "uses.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <limits>
#include <memory>
#include <string_view>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/// The rows of `arguments_test.cpp`: a public function's argument, and a call with any number.
namespace numbers {

/// A result is a value, or an error that says what to mend in the call.
template <class T>
void is_typed(const cairn::result<T>& outcome) {
  if (outcome)
    return;
  INFO(outcome.error());
  const auto code = outcome.error().code();
  CHECK((code == cairn::errc::invalid_argument || code == cairn::errc::not_found
         || code == cairn::errc::version_conflict || code == cairn::errc::deadline_exceeded
         || code == cairn::errc::overloaded));
  CHECK_FALSE(outcome.error().message().empty());
}

/// The program ends with an assertion: a broken precondition is not gone on with.
inline bool stops_the_program(const std::function<void()>& what) {
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    std::signal(SIGABRT, SIG_DFL);
    (void)std::freopen("/dev/null", "w", stderr);
    what();
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

/// A journal, a runtime and rows with a few events.
struct rows_fixture {
  with_events some;
  cairn::projection<holdings_of_all> rows = some.runtime.project<holdings_of_all>().value();
  const cairn::journal& journal = some.runtime.journal();
  cairn::stream_id stream = cairn::stream_id::make("account", "a").value();
  std::unique_ptr<cairn::table_store> store = cairn::table_store::open({}).value();

  rows_fixture() {
    REQUIRE(some.worked);
    REQUIRE(rows.wait_for(journal.last_position()));
  }

  static constexpr auto go_on = [](const cairn::event_view&) {
    return cairn::visit_result::proceed;
  };

  cairn::event_batch batch() const {
    cairn::event_batch made;
    REQUIRE(made.add(stream, {}, test::deposited{.amount = 1, .note = {}}));
    return made;
  }
};

struct argument {
  std::string_view name;
  std::function<void(rows_fixture&, std::uint64_t)> call;
};

/// A pure value: it carries the number along, whatever it is.
template <class Make>
argument carried(std::string_view name, Make make) {
  return {name, [make](rows_fixture&, std::uint64_t value) { CHECK(make(value) == make(value)); }};
}

/// Within `most` it works, beyond it stops the program.
template <class Call>
argument precondition(std::string_view name, std::uint64_t most, Call call) {
  return {name, [most, call](rows_fixture& with, std::uint64_t value) {
            if (value <= most)
              call(with, value);
            else if (value == most + 1 || value == std::numeric_limits<std::uint64_t>::max())
              CHECK(stops_the_program([&] { call(with, value); }));
          }};
}

inline cairn::shard_id shard_of(std::uint64_t value) {
  return cairn::shard_id{static_cast<std::uint16_t>(value)};
}

inline cairn::position place(std::uint64_t value) {
  return cairn::position::from_bits(value);
}

/// Deadlines come from a list of their own: the number chooses one.
inline std::chrono::steady_clock::time_point time_of(std::uint64_t value) {
  const auto times = extremes<std::chrono::steady_clock::time_point>();
  return times[value % times.size()];
}

/// Positions, versions and other plain values.
void add_arithmetic(std::vector<argument>& all);
void add_values(std::vector<argument>& all);

} // namespace numbers
