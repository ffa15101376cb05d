#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>

namespace test {

/// The options of a test program. CLI11 reads them; it takes seconds to compile, so only the source
/// of this class includes it.
class command_line {
public:
  struct number_rules {
    std::uint64_t least = 0;
    std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    /// The variable that gives the number if the option is not there; empty: none.
    std::string environment = {};
  };

  explicit command_line(const std::string& description);
  command_line(const command_line&) = delete;
  command_line& operator=(const command_line&) = delete;
  ~command_line();

  /// A name that begins with "--" is an option, any other an argument. What `value` holds is its
  /// default and is shown by --help. `value` must outlive `parse`.
  void add(const std::string& name, std::uint64_t& value, const std::string& help,
           const number_rules& rules);
  void add(const std::string& name, std::uint64_t& value, const std::string& help) {
    add(name, value, help, {});
  }
  void add(const std::string& name, std::filesystem::path& value, const std::string& help);

  /// Sets the values. Ends the program after --help, or with a message if an argument is wrong.
  void parse(int argc, char** argv);

private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

} // namespace test
