#include "projection_files.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <tuple>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace cairn::detail {
namespace {

std::optional<std::uint32_t> number_in(const std::filesystem::path& name) {
  const auto text = name.string();
  std::uint32_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return number;
}

/// The folders whose names are numbers.
std::vector<std::pair<std::uint32_t, std::filesystem::path>>
numbered(const std::filesystem::path& folder) {
  std::vector<std::pair<std::uint32_t, std::filesystem::path>> found;
  std::error_code failure;
  for (std::filesystem::directory_iterator at{folder, failure}, end; !failure && at != end;
       at.increment(failure))
    if (const auto number = number_in(at->path().filename()))
      found.emplace_back(*number, at->path());
  return found;
}

/// The entries of a directory; where that fails, opening the tables will say so.
void sync(const std::filesystem::path& directory) noexcept {
  const int handle = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (handle < 0)
    return;
  (void)fsync(handle);
  (void)close(handle);
}

} // namespace

std::vector<table_generation> find_generations(const std::filesystem::path& home) {
  std::vector<table_generation> found;
  for (const auto& [version, versions] : numbered(home))
    for (const auto& [generation, directory] : numbered(versions))
      found.push_back({version, generation, directory});
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return std::tie(a.version, a.generation) > std::tie(b.version, b.generation);
  });
  return found;
}

table_generation make_generation(const std::filesystem::path& home, std::uint32_t version,
                                 std::uint32_t generation) {
  return {version, generation, home / std::to_string(version) / std::to_string(generation)};
}

void make_folders(const table_generation& of) noexcept {
  const auto version = of.directory.parent_path();
  const auto home = version.parent_path();
  for (const auto& folder : {home.parent_path(), home, version}) {
    (void)mkdir(folder.c_str(), S_IRWXU);
    sync(folder.parent_path()); // who made it may have been killed before they could
  }
}

void remove_generation(const table_generation& of) noexcept {
  std::error_code ignored;
  std::filesystem::remove_all(of.directory, ignored);
  std::filesystem::remove(of.directory.parent_path(), ignored); // if it was the last
}

} // namespace cairn::detail
