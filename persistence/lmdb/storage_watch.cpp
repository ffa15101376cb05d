#include "lmdb/storage_watch.hpp"

#include <algorithm>
#include <string>

#include <sys/statvfs.h>

namespace cairn::detail {
namespace {

constexpr std::chrono::seconds disk_check_interval{1};
constexpr std::size_t disk_check_bytes = std::size_t{16} << 20;

/// What a commit may use beside its records, and closing for the heads.
constexpr std::size_t most_reserve_bytes = std::size_t{16} << 20;
constexpr std::size_t reserve_share = 16;

} // namespace

storage_watch::storage_watch(const lmdb_env& env, std::filesystem::path directory,
                             std::size_t watermark_bytes)
  : env_{env}, directory_{std::move(directory)}, watermark_bytes_{watermark_bytes} {
  MDB_envinfo info{};
  MDB_stat stat{};
  mdb_env_info(env_.get(), &info);
  mdb_env_stat(env_.get(), &stat);
  page_bytes_ = stat.ms_psize;
  map_pages_ = info.me_mapsize / page_bytes_;
  reserve_pages_ = std::min(info.me_mapsize / reserve_share, most_reserve_bytes) / page_bytes_;
}

std::optional<error> storage_watch::objection(std::size_t commit_bytes) {
  if (auto full = map_objection(commit_bytes))
    return full;
  unchecked_bytes_ += commit_bytes;
  const auto now = std::chrono::steady_clock::now();
  if (now >= next_check_ || unchecked_bytes_ >= disk_check_bytes) {
    next_check_ = now + disk_check_interval;
    unchecked_bytes_ = 0;
    disk_full_ = disk_objection();
  }
  return disk_full_;
}

std::optional<error> storage_watch::disk_objection() {
  struct statvfs disk {};
  if (statvfs(directory_.c_str(), &disk) != 0)
    return std::nullopt; // the commit will tell
  const auto free_bytes = std::size_t{disk.f_bavail} * disk.f_frsize;
  if (free_bytes >= watermark_bytes_)
    return std::nullopt;
  return error{errc::storage_full,
               "the disk of " + directory_.string() + " has " + std::to_string(free_bytes)
                   + " bytes free; appends are refused below " + std::to_string(watermark_bytes_)};
}

std::optional<error> storage_watch::map_objection(std::size_t commit_bytes) const {
  MDB_envinfo info{};
  mdb_env_info(env_.get(), &info);
  // Records of just over half a page, or just over a whole one, use twice their size.
  const std::size_t wanted = 2 * commit_bytes / page_bytes_ + reserve_pages_;
  if (info.me_last_pgno + 1 + wanted <= map_pages_)
    return std::nullopt;
  return error{errc::storage_full, "the journal has used up its map of "
                                       + std::to_string(map_pages_ * page_bytes_)
                                       + " bytes; open it with a larger map_bytes"};
}

} // namespace cairn::detail
