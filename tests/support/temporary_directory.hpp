#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

namespace test {

/// A directory of the test's own, gone with it.
class temporary_directory {
public:
  explicit temporary_directory(
      const std::filesystem::path& below = std::filesystem::temp_directory_path()) {
    auto name = (below / "cairn-test-XXXXXX").string();
    if (!::mkdtemp(name.data()))
      throw std::runtime_error{"cannot make a directory like " + name};
    path_ = name;
  }
  ~temporary_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

private:
  std::filesystem::path path_;
};

} // namespace test
