#include "failure.hpp"
#include "machine.hpp"
#include "session.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <iomanip>
#include <iostream>
#include <sstream>

namespace bench {
namespace {

struct scenario {
  const char* name;
  report (*run)(session&);
};

// `open-loop` and `lag` take their rate from the peak that `commands` found.
constexpr scenario scenarios[]{
    {"commands", run_commands},   {"open-loop", run_open_loop}, {"hot", run_hot},
    {"mixed", run_mixed},         {"latency", run_latency},     {"rehydrate", run_rehydrate},
    {"subscribe", run_subscribe}, {"open", run_open},           {"memory", run_memory},
    {"project", run_project},     {"inline", run_inline},       {"lag", run_lag}};

std::string with_separators(double value) {
  auto digits = std::to_string(static_cast<long long>(value + 0.5));
  for (auto place = static_cast<int>(digits.size()) - 3; place > 0; place -= 3)
    digits.insert(static_cast<std::size_t>(place), 1, ',');
  return digits;
}

std::string fixed(double value, int decimals) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(decimals) << value;
  return std::move(out).str();
}

std::string per_second(std::optional<double> value) {
  if (!value)
    return "-";
  return *value < 100 ? fixed(*value, 2) : with_separators(*value);
}

std::string duration(std::optional<double> us) {
  if (!us)
    return "-";
  return *us < 1000 ? fixed(*us, 1) + " us" : fixed(*us / 1000, *us < 100'000 ? 2 : 0) + " ms";
}

std::string plain(const json& value) {
  if (value.is_number_float()) {
    const auto number = value.get<double>();
    return std::abs(number) < 1000 ? fixed(number, 2) : with_separators(number);
  }
  if (value.is_number())
    return with_separators(value.get<double>());
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string listed(const json& object, const std::string& prefix = {}) {
  std::string text;
  for (const auto& [name, value] : object.items()) {
    text += text.empty() ? "" : ", ";
    text +=
        value.is_object() ? listed(value, prefix + name + ".") : prefix + name + " " + plain(value);
  }
  return text;
}

void print_wrapped(const std::string& label, const std::string& text) {
  constexpr std::size_t columns = 100;
  std::string line = "  " + label;
  std::istringstream words{text};
  for (std::string word; words >> word;) {
    if (line.size() + 1 + word.size() > columns) {
      std::cout << line << '\n';
      line = "   ";
    }
    line += ' ' + word;
  }
  std::cout << line << '\n';
}

void print_row(const std::string (&cells)[7]) {
  constexpr int widths[]{10, 13, 13, 7, 11, 11, 11};
  std::cout << std::left << std::setw(widths[0]) << cells[0] << std::right;
  for (std::size_t i = 1; i < std::size(widths); ++i)
    std::cout << std::setw(widths[i]) << cells[i];
  std::cout << '\n';
}

void print_heading(const json& machine) {
  print_wrapped("machine:", listed(machine));
  for (const auto& warning : warnings_about(machine))
    print_wrapped("warning:", warning);
  std::cout << '\n';
  print_row({"scenario", "per second", "ceiling", "ratio", "p50", "p99", "p99.9"});
}

void print(const report& made) {
  print_row({made.scenario, per_second(made.rate_per_s), per_second(made.ceiling_per_s),
             made.ratio ? fixed(*made.ratio, 2) : "-", duration(made.p50_us), duration(made.p99_us),
             duration(made.p999_us)});
  print_wrapped("with:", listed(made.options));
  print_wrapped("how:", made.what);
  if (!made.loop.empty())
    print_wrapped("latencies:", made.loop);
  if (!made.target.empty())
    print_wrapped("target:", made.target);
  print_wrapped("also:", listed(made.details));
  std::cout << std::flush;
}

json to_json(const report& made, const json& machine) {
  const auto or_null = [](std::optional<double> value) { return value ? json(*value) : json(); };
  return {{"scenario", made.scenario},
          {"rate_per_s", made.rate_per_s},
          {"ceiling_per_s", or_null(made.ceiling_per_s)},
          {"ratio", or_null(made.ratio)},
          {"ratio_of", made.ratio_of},
          {"p50_us", or_null(made.p50_us)},
          {"p99_us", or_null(made.p99_us)},
          {"p999_us", or_null(made.p999_us)},
          {"loop", made.loop.empty() ? json() : json(made.loop)},
          {"target", made.target},
          {"options", made.options},
          {"details", made.details},
          {"machine", machine}};
}

struct invocation {
  options asked;
  std::vector<std::string> names;
  std::string directory = ".";
  std::string rate = "half";
  bool as_json = false;
};

void declare(CLI::App& app, invocation& called) {
  auto& asked = called.asked;
  std::vector<std::string> known;
  for (const auto& each : scenarios)
    known.emplace_back(each.name);
  const auto positive = CLI::PositiveNumber;
  app.add_option("scenario", called.names, "Which to run; all if none is named")
      ->check(CLI::IsMember(known));
  app.add_option("--aggregates", asked.aggregates, "Aggregates")->check(positive);
  app.add_option("--payload", asked.payload, "Bytes of an event as a Cap'n Proto message")
      ->check(CLI::Range(16, 1'000'000));
  app.add_option("--in-flight", asked.in_flight, "Requests under way, of all clients together")
      ->check(CLI::Range(1, 262'144));
  app.add_option("--clients", asked.clients, "Threads that send")->check(CLI::Range(1, 64));
  app.add_option("--seconds", asked.seconds, "Duration of the measured load")->check(positive);
  app.add_option("--events", asked.events, "Events in the journal of rehydrate, open and project")
      ->check(positive);
  app.add_option("--rate", called.rate,
                 "Requests a second of open-loop and lag, or 'half' of the peak");
  app.add_flag("--command-ids", asked.command_ids, "Give every command an id (deduplication)");
  app.add_option("--folding-threads", asked.threads, "Threads of the projection of project")
      ->check(CLI::Range(1, 64));
  app.add_option("--handler-work", asked.handler_work,
                 "Times that its handler hashes each event's payload");
  app.add_option("--directory", called.directory,
                 "Where journals are put, in a fresh directory that is removed at the end")
      ->check(CLI::ExistingDirectory);
  app.add_flag("--json", called.as_json, "One JSON object a scenario, a line each");
}

void set_rate(invocation& called) {
  if (called.rate == "half")
    return;
  std::size_t used = 0;
  double rate = 0;
  try {
    rate = std::stod(called.rate, &used);
  } catch (const std::logic_error&) {
    used = 0;
  }
  if (used == 0 || used != called.rate.size() || !(rate > 0))
    throw CLI::ValidationError{"--rate", "must be a positive number or 'half'"};
  called.asked.rate = rate;
}

void run(const invocation& called) {
  const work_directory directory{called.directory};
  const auto machine = describe_machine(directory);
  if (!called.as_json)
    print_heading(machine);
  session at{called.asked, directory, {}};
  for (const auto& each : scenarios) {
    const auto& names = called.names;
    if (!names.empty() && std::find(names.begin(), names.end(), each.name) == names.end())
      continue;
    const auto made = each.run(at);
    if (called.as_json)
      std::cout << to_json(made, machine).dump() << std::endl;
    else
      print(made);
  }
}

/// The processes that `run_open` starts.
std::optional<int> run_as_helper(int argc, char** argv) {
  const std::vector<std::string> arguments{argv, argv + argc};
  if (argc == 6 && arguments[1] == "--build-journal-and-die") {
    return build_journal_and_die(arguments[2], std::stoull(arguments[3]), std::stoull(arguments[4]),
                                 std::stoull(arguments[5]));
  }
  if (argc == 3 && arguments[1] == "--open-journal-and-die")
    return open_journal_and_die(arguments[2]);
  return std::nullopt;
}

int run_program(int argc, char** argv) {
  try {
    if (const auto status = run_as_helper(argc, argv))
      return *status;
    CLI::App app{"Measures Cairn, and beside it what LMDB alone does with the same data."};
    invocation called;
    declare(app, called);
    try {
      app.parse(argc, argv);
      set_rate(called);
    } catch (const CLI::ParseError& wrong) {
      return app.exit(wrong) == 0 ? 0 : 2;
    }
    run(called);
    return 0;
  } catch (const std::exception& failed) {
    std::cerr << "cairn-bench: " << failed.what() << '\n';
    return 1;
  }
}

} // namespace
} // namespace bench

int main(int argc, char** argv) {
  return bench::run_program(argc, argv);
}
