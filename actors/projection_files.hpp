#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace cairn::detail {

/// One set of tables of a projection on disk: `<name>/<version>/<generation>/`. A generation is a
/// build of a version; the newest that is marked live serves.
struct table_generation {
  std::uint32_t version = 0;
  std::uint32_t generation = 0;
  std::filesystem::path directory;
};

/// Those below `home` (a projection's directory), newest version and generation first.
std::vector<table_generation> find_generations(const std::filesystem::path& home);

table_generation make_generation(const std::filesystem::path& home, std::uint32_t version,
                                 std::uint32_t generation);

/// Makes the folders around it, for the owner alone. What is wrong shows when its files are made.
void make_folders(const table_generation& of) noexcept;

/// Removes its files. What cannot be removed now is removed at the next start.
void remove_generation(const table_generation& of) noexcept;

} // namespace cairn::detail
