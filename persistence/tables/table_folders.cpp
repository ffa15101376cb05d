#include "tables/table_folders.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <string>
#include <utility>

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
  const int handle = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (handle < 0)
    return;
  (void)fsync(handle);
  (void)::close(handle);
}

/// On disk.
class folders_on_disk final : public table_folders {
public:
  explicit folders_on_disk(std::filesystem::path home) : home_{std::move(home)} {}

  std::vector<table_generation> find() const override {
    std::vector<table_generation> found;
    for (const auto& [version, versions] : numbered(home_))
      for (const auto& [generation, directory] : numbered(versions))
        found.push_back({version, generation});
    std::sort(found.begin(), found.end(), std::greater{});
    return found;
  }

  result<std::shared_ptr<table_store>> open(const table_generation& of,
                                            table_store_options with) override {
    with.directory = folder_of(of);
    const auto version = with.directory.parent_path();
    // What is wrong with a folder shows when its files are made.
    for (const auto& folder : {home_.parent_path(), home_, version}) {
      (void)mkdir(folder.c_str(), S_IRWXU);
      sync(folder.parent_path()); // who made it may have been killed before they could
    }
    auto store = table_store::open(std::move(with));
    if (!store)
      return std::move(store).error();
    return std::shared_ptr<table_store>{*std::move(store)};
  }

  void remove(const table_generation& of) noexcept override {
    std::error_code ignored;
    const auto folder = folder_of(of);
    std::filesystem::remove_all(folder, ignored);
    std::filesystem::remove(folder.parent_path(), ignored); // if it was the last
  }

private:
  std::filesystem::path folder_of(const table_generation& of) const {
    return home_ / std::to_string(of.version) / std::to_string(of.generation);
  }

  const std::filesystem::path home_;
};

class shelf_in_memory final : public table_folders {
public:
  std::vector<table_generation> find() const override { return {}; }
  result<std::shared_ptr<table_store>> open(const table_generation&,
                                            table_store_options with) override {
    with.directory.clear();
    auto store = table_store::open(std::move(with));
    if (!store)
      return std::move(store).error();
    return std::shared_ptr<table_store>{*std::move(store)};
  }
  void remove(const table_generation&) noexcept override {}
};

} // namespace

table_generation next_generation(const std::vector<table_generation>& found,
                                 std::uint32_t version) {
  std::uint32_t last = 0;
  for (const auto& each : found)
    if (each.version == version)
      last = std::max(last, each.generation);
  return {version, last + 1};
}

std::unique_ptr<table_folders> make_table_folders(std::filesystem::path home) {
  if (home.empty())
    return std::make_unique<shelf_in_memory>();
  return std::make_unique<folders_on_disk>(std::move(home));
}

} // namespace cairn::detail
