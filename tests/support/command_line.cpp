#include "command_line.hpp"

#include <CLI/CLI.hpp>

#include <cstdlib>

namespace test {

struct command_line::parts {
  CLI::App app;
};

command_line::command_line(const std::string& description) : parts_{std::make_unique<parts>()} {
  parts_->app.description(description);
}

command_line::~command_line() = default;

void command_line::add(const std::string& name, std::uint64_t& value, const std::string& help,
                       const number_rules& rules) {
  parts_->app.add_option(name, value, help)
      ->check(CLI::Range(rules.least, rules.most))
      ->envname(rules.environment)
      ->capture_default_str();
}

void command_line::add(const std::string& name, std::filesystem::path& value,
                       const std::string& help) {
  parts_->app.add_option(name, value, help)->capture_default_str();
}

void command_line::parse(int argc, char** argv) {
  try {
    parts_->app.parse(argc, argv);
  } catch (const CLI::ParseError& end) {
    std::exit(parts_->app.exit(end));
  }
}

} // namespace test
