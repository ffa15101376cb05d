#pragma once

#include "latency_histogram.hpp"
#include "work_directory.hpp"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace bench {

using json = nlohmann::ordered_json;

/// What the user may choose; what is empty is chosen by each scenario.
struct options {
  std::optional<std::size_t> aggregates;
  std::optional<std::size_t> payload; ///< Bytes of an event as a message of its own.
  std::optional<std::size_t> in_flight;
  std::optional<std::size_t> clients; ///< Threads that send.
  std::optional<double> seconds;      ///< Of measured load.
  std::optional<std::uint64_t> events;
  std::optional<double> rate; ///< Of the open loop; empty: half of the peak.
  bool command_ids = false;
  std::size_t threads = 1;
  std::uint64_t handler_work = 0; ///< See `tallies::work`.
};

/// What a scenario found out.
struct report {
  std::string scenario{};
  std::string what{};   ///< How the load was made, and what the ceiling is: for people.
  std::string target{}; ///< For people; empty: none.
  json options = json::object();
  double rate_per_s = 0;
  std::optional<double> ceiling_per_s{};
  std::optional<double> ratio{}; ///< See `ratio_of`.
  std::string ratio_of = "rate_per_s / ceiling_per_s";
  std::optional<double> p50_us{};
  std::optional<double> p99_us{};
  std::optional<double> p999_us{};
  std::string loop{};            ///< Of the percentiles; empty: there are none.
  json details = json::object(); ///< Further figures, each named with its unit.

  /// From the sending, the next request after an answer: what could not be sent while the system
  /// stalled is omitted (coordinated omission).
  static constexpr const char* closed_loop = "closed loop";
  /// From the time of a schedule that waits for nothing.
  static constexpr const char* open_loop = "open loop";

  void set_latencies(const latency_histogram& from, const char* measured_in) {
    loop = measured_in;
    p50_us = from.quantile_us(0.5);
    p99_us = from.quantile_us(0.99);
    p999_us = from.quantile_us(0.999);
  }
  void set_ceiling(double per_s) {
    ceiling_per_s = per_s;
    ratio = per_s > 0 ? rate_per_s / per_s : 0;
  }
};

/// One run of the program.
struct session {
  const options& asked;
  const work_directory& directory;
  std::optional<double> peak_per_s; ///< What `commands` reached.
};

// The scenarios, each in the file of its kind.
report run_commands(session& at);
report run_hot(session& at);
report run_mixed(session& at);
report run_open_loop(session& at);
report run_latency(session& at);
report run_rehydrate(session& at);
report run_subscribe(session& at);
report run_open(session& at);
report run_memory(session& at);
report run_project(session& at);
report run_inline(session& at);
report run_lag(session& at);

// The other processes of `run_open`; see there.
int build_journal_and_die(const std::string& directory, std::uint64_t events, std::size_t payload,
                          std::size_t aggregates);
int open_journal_and_die(const std::string& directory);

} // namespace bench
