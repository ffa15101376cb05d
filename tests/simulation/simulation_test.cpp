#include "domain.hpp"
#include "scale.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <tuple>

#include <unistd.h>

using namespace test;

namespace {

#ifdef __SANITIZE_ADDRESS__ // ten times slower
constexpr std::uint64_t reduced_runs = 500;
constexpr std::uint64_t full_runs = 7'000;
#else
constexpr std::uint64_t reduced_runs = 2'000;
constexpr std::uint64_t full_runs = 70'000;
#endif

cairn::simulation_options many_runs() {
  return {.seed = fresh_seed() >> 8, .runs = scaled(reduced_runs, full_runs), .threads = 2};
}

cairn::simulation_report simulate_accounts(std::uint64_t seed, std::uint64_t runs,
                                           std::size_t threads = 1) {
  return cairn::simulate<account, holdings, movements>(
      {.seed = seed, .runs = runs, .threads = threads}, accounts());
}

/// A simulation in which nothing goes wrong proves nothing.
void check_that_all_went_wrong(const cairn::simulation_report& report) {
  CHECK(report.crashes > 0);
  CHECK(report.lost_commits > 0);
  CHECK(report.restarts > 0);
  CHECK(report.failed_commits > 0);
  CHECK(report.unknown_commits > 0);
  CHECK(report.held_commits > 0);
  CHECK(report.damaged_snapshots > 0);
  CHECK(report.repetitions > 0);
  CHECK(report.passivations > 0);
  CHECK(report.rehydrations > 0);
}

/// What a program prints.
std::string output_of(const std::string& command) {
  struct closer {
    void operator()(FILE* pipe) const { pclose(pipe); }
  };
  const std::unique_ptr<FILE, closer> pipe{popen(command.c_str(), "r")};
  REQUIRE(pipe);
  std::string text;
  std::array<char, 4096> part;
  while (const auto bytes = std::fread(part.data(), 1, part.size(), pipe.get()))
    text.append(part.data(), bytes);
  return text;
}

std::string this_program() {
  std::array<char, 4096> path{};
  REQUIRE(readlink("/proc/self/exe", path.data(), path.size() - 1) > 0);
  return path.data();
}

constexpr std::uint64_t repeated_seed = 4711;
constexpr std::uint64_t repeated_runs = 20;

std::string digest_line() {
  std::ostringstream line;
  line << "digest of " << repeated_runs
       << " runs: " << simulate_accounts(repeated_seed, repeated_runs).digest << '\n';
  return line.str();
}

} // namespace

TEST_CASE("whatever the store does, accounts keep every promise") {
  const auto report = cairn::simulate<account, holdings, movements>(many_runs(), accounts());
  std::cout << "accounts: " << report << '\n';
  CHECK(report.passed());
  check_that_all_went_wrong(report);
}

TEST_CASE("whatever the store does, keys belong to one member") {
  const auto report = cairn::simulate<member>(many_runs(), {.command = next_member_command});
  std::cout << "members: " << report << '\n';
  CHECK(report.passed());
  check_that_all_went_wrong(report);
}

TEST_CASE("whatever the store does, aggregates of two types and what follows both stay whole") {
  const auto report = cairn::simulate<std::tuple<account, member>, holdings, directory>(
      many_runs(), {accounts(), {.command = next_member_command}});
  std::cout << "both: " << report << '\n';
  CHECK(report.passed());
  check_that_all_went_wrong(report);
  CHECK(report.poison_events > 0);
  CHECK(report.decisions > 0);
  CHECK(report.pauses > 0);
  CHECK(report.rebuilds > 0);
}

TEST_CASE("a seed gives the same run again, step by step") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto once = simulate_accounts(seed, 1);
    const auto again = simulate_accounts(seed, 1);
    CHECK(once.steps == again.steps);
    CHECK(once.digest == again.digest);
    CHECK(once.digest != simulate_accounts(seed + 1, 1).digest);
  }
}

TEST_CASE("it does not matter how many threads share the runs") {
  CHECK(simulate_accounts(1, 40, 1).digest == simulate_accounts(1, 40, 3).digest);
}

TEST_CASE("prints a digest for another process" * doctest::skip()) {
  std::cout << digest_line();
}

TEST_CASE("a seed gives the same runs in another process") {
  const auto there =
      output_of(this_program() + " --no-skip '--test-case=prints a digest for another process'");
  CHECK_MESSAGE(there.find(digest_line()) != std::string::npos, there);
}

TEST_CASE("without faults everything is accepted or rejected at the first attempt") {
  const auto report = cairn::simulate<account, holdings>(
      {.runs = 50, .faults = cairn::simulated_faults::none()}, accounts());
  CHECK_MESSAGE(report.passed(), report);
  CHECK(report.failed_commits + report.unknown_commits + report.held_commits
            + report.damaged_snapshots
        == 0);
  CHECK(report.crashes == 0);
  CHECK(report.poison_events + report.decisions + report.pauses + report.rebuilds == 0);
}

TEST_CASE("an invariant that does not hold is reported with a seed that breaks it again") {
  auto work = accounts();
  work.invariant = [](const account_state& now) -> std::optional<std::string> {
    if (now.movements == 15)
      return "fifteen movements";
    return std::nullopt;
  };
  const auto report = cairn::simulate<account, holdings>({.seed = 100, .runs = 200}, work);
  REQUIRE(report.failed);
  CHECK(report.failed->what.find("fifteen movements") != std::string::npos);
  CHECK(report.failed->trace.find("accepted") != std::string::npos);
  const auto again =
      cairn::simulate<account, holdings>({.seed = report.failed->seed, .runs = 1}, work);
  REQUIRE(again.failed);
  CHECK(again.failed->what == report.failed->what);
  CHECK(again.failed->trace == report.failed->trace);
}

TEST_CASE("an invariant of rows that does not hold is reported") {
  auto work = accounts();
  work.rows = [](std::string_view projection,
                 const cairn::table_view& rows) -> std::optional<std::string> {
    if (projection != movements::name)
      return std::nullopt;
    const auto total = rows.get(movements::total, 0).value().value_or(holding{});
    return total.movements > 5 ? std::optional<std::string>{"many movements"} : std::nullopt;
  };
  const auto report = cairn::simulate<account, holdings, movements>({.runs = 20}, work);
  REQUIRE(report.failed);
  CHECK(report.failed->what.find("many movements") != std::string::npos);
}

TEST_CASE("a function of the workload that throws is reported with the seed of its run") {
  auto work = accounts();
  SUBCASE("a generator") {
    work.command = [](cairn::random_source& random) -> account::command {
      if (random.chance(0.01))
        throw std::runtime_error{"out of ideas"};
      return next_account_command(random);
    };
  }
  SUBCASE("an invariant") {
    work.invariant = [](const account_state& now) -> std::optional<std::string> {
      if (now.movements == 15)
        throw std::runtime_error{"out of ideas"};
      return std::nullopt;
    };
  }
  const auto report =
      cairn::simulate<account, holdings>({.seed = 100, .runs = 200, .threads = 2}, work);
  REQUIRE(report.failed);
  CHECK(report.failed->what.find("out of ideas") != std::string::npos);
  const auto again =
      cairn::simulate<account, holdings>({.seed = report.failed->seed, .runs = 1}, work);
  REQUIRE(again.failed);
  CHECK(again.failed->what == report.failed->what);
}

namespace {

/// Decides by something that is not in its state.
struct forgetful : account {
  static inline int asked = 0;
  using account::decide;
  static cairn::decision<event> decide(const state&, const deposit& c) {
    return deposited{.amount = c.amount + (++asked % 7 == 0 ? 1U : 0U), .note = c.note};
  }
};

} // namespace

TEST_CASE("a decide that is not pure is found out") {
  const auto report = cairn::simulate<forgetful>({.runs = 20}, {.command = next_account_command});
  REQUIRE(report.failed);
  CHECK(report.failed->what.find("not what decide gives") != std::string::npos);
}
