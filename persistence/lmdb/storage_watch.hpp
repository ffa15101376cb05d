#pragma once

#include "lmdb/lmdb_env.hpp"

#include <chrono>
#include <filesystem>
#include <optional>

namespace cairn::detail {

/// Refuses appends before the disk or the map is full, because a commit that fails for want of
/// space is of unknown outcome. The writer's thread alone uses it.
class storage_watch {
public:
  storage_watch(const lmdb_env& env, std::filesystem::path directory, std::size_t watermark_bytes);

  /// `storage_full` if a commit of so many bytes of records must not be tried.
  std::optional<error> objection(std::size_t commit_bytes);

private:
  std::optional<error> disk_objection();
  std::optional<error> map_objection(std::size_t commit_bytes) const;

  const lmdb_env& env_;
  const std::filesystem::path directory_;
  const std::size_t watermark_bytes_;
  std::size_t page_bytes_;
  std::size_t map_pages_;
  std::size_t reserve_pages_;
  std::size_t unchecked_bytes_ = 0; // asked for since the disk was asked
  std::chrono::steady_clock::time_point next_check_{};
  std::optional<error> disk_full_;
};

} // namespace cairn::detail
