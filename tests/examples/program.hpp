#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace test {

/// A directory of this test alone, removed at its end.
class scratch_directory {
public:
  scratch_directory();
  ~scratch_directory();
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;

  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

  /// Writes a file and returns its path.
  std::filesystem::path write(const std::string& name, const std::string& content) const;

private:
  std::filesystem::path path_;
};

std::string read_file(const std::filesystem::path& path);

struct outcome {
  int status = -1; ///< Exit status; 128 and the signal's number if one ended it.
  std::string out;
  std::string err;
};

/// A program that runs beside the test, without terminal and input. It is killed with the object,
/// unless it has ended.
class child {
public:
  child(const std::filesystem::path& program, const std::vector<std::string>& arguments);
  ~child();
  child(const child&) = delete;
  child& operator=(const child&) = delete;

  /// Waits until it ends, but no longer than this, and says whether it has.
  bool ends_within(std::chrono::microseconds time) const;

  /// SIGKILL.
  void kill() const;

  /// Waits until it ends. Once.
  outcome wait();

private:
  scratch_directory outputs_;
  pid_t id_ = -1;
};

inline outcome run(const std::filesystem::path& program,
                   const std::vector<std::string>& arguments) {
  return child{program, arguments}.wait();
}

} // namespace test
