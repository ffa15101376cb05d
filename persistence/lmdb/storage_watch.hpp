#pragma once

#include "lmdb/lmdb_env.hpp"

#include <chrono>
#include <filesystem>
#include <mutex>
#include <optional>

namespace cairn::detail {

/// Refuses appends before the disk or the map is full, because a commit that fails for want of
/// space is of unknown outcome. Any thread.
///
/// Beside the watermark there must be room for the commit itself, whatever the watermark is: for
/// its records, which may take twice their size in pages, and for the pages that lead to them.
class storage_watch {
public:
  storage_watch(const lmdb_env& env, std::filesystem::path directory, std::size_t watermark_bytes);

  /// `storage_full` if a commit of so many bytes of records must not be tried. `scattered_rows`: so
  /// many may each lie in a page of its own, among those there are, that is written anew.
  std::optional<error> objection(std::size_t commit_bytes, std::size_t scattered_rows = 0);

  /// Whether the commit that there was no objection to may also write what trails the log.
  bool has_room_for_what_trails() const;

  /// Whether the disk can take so many scattered rows. For closing, which may use what the
  /// watermark keeps free.
  bool has_room_at_the_end(std::size_t scattered_rows);

private:
  std::size_t bytes_of_rows(std::size_t scattered) const;
  void ask_disk();
  std::optional<error> disk_objection(std::size_t wanted_bytes) const;
  std::optional<error> map_objection(std::size_t commit_bytes) const;

  const lmdb_env& env_;
  const std::filesystem::path directory_;
  const std::size_t watermark_bytes_;
  std::size_t page_bytes_;
  std::size_t map_pages_;
  std::size_t reserve_pages_;
  mutable std::mutex mutex_; // of what follows
  std::chrono::steady_clock::time_point next_check_{};
  std::size_t free_bytes_ = 0; // of the disk, less what commits have wanted since it was asked
};

} // namespace cairn::detail
