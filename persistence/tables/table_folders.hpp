#pragma once

#include <cairn/table_store.hpp>

#include <compare>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

namespace cairn::detail {

/// One set of tables of a projection. A generation is a build of a version; the newest that is
/// marked live serves.
struct table_generation {
  std::uint32_t version = 0;
  std::uint32_t generation = 0;

  auto operator<=>(const table_generation&) const = default;
};

/// Where the tables of one projection are kept. Any thread.
class table_folders {
public:
  virtual ~table_folders() = default;

  /// All that there are, newest version and generation first.
  virtual std::vector<table_generation> find() const = 0;

  /// Opens them, or makes them. `with.directory` does not count. Errors: those of
  /// `table_store::open`.
  virtual result<std::shared_ptr<table_store>> open(const table_generation& of,
                                                    table_store_options with) = 0;

  /// What cannot be removed now is removed at the next start.
  virtual void remove(const table_generation& of) noexcept = 0;
};

/// What comes after those that were `found` of this version.
table_generation next_generation(const std::vector<table_generation>& found, std::uint32_t version);

/// In folders `<version>/<generation>/` below `home` (a projection's directory), for the owner
/// alone. Empty: in memory, gone with their stores.
std::unique_ptr<table_folders> make_table_folders(std::filesystem::path home);

} // namespace cairn::detail
