#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace bench {

/// A fresh directory that is removed with everything in it at the end: by the destructor, and when
/// SIGINT, SIGTERM or a crash ends the program.
///
/// Make it before any other thread and before anything is printed: the rest of the program goes on
/// in a child process, which this one waits for. At most one.
class work_directory {
public:
  /// Below `parent`, which must exist. Throws `failure`.
  explicit work_directory(const std::filesystem::path& parent);
  ~work_directory();
  work_directory(const work_directory&) = delete;
  work_directory& operator=(const work_directory&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }

private:
  std::filesystem::path path_;
};

/// A directory for one journal, removed at the end of its scope.
class scratch_directory {
public:
  scratch_directory(const work_directory& in, const std::string& name);
  ~scratch_directory();
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }

private:
  std::filesystem::path path_;
};

/// Runs this program again with `arguments`, waits for it, and returns what it wrote to stdout. The
/// child dies with this process. Throws `failure` if it ends otherwise than by status 0.
std::string run_self(const std::vector<std::string>& arguments);

/// From now on the end of the parent ends this process. Called first by a program that `run_self`
/// has started.
void die_with_parent();

} // namespace bench
