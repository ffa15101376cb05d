#include "lmdb/storage_watch.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include <sys/statvfs.h>

namespace cairn::detail {
namespace {

constexpr std::chrono::seconds disk_check_interval{1};

// With less than this beyond what is wanted, the disk is asked before each commit: others may write
// to it, too.
constexpr std::size_t ample_bytes = std::size_t{64} << 20;

/// What a commit may use beside its records, and closing for the heads.
constexpr std::size_t most_reserve_bytes = std::size_t{16} << 20;
constexpr std::size_t reserve_share = 16;

/// The pages that lead to a commit's records, of LMDB's own list of free pages, and its two roots.
constexpr std::size_t pages_beside_records = 64;

constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

std::size_t sum(std::size_t a, std::size_t b) noexcept {
  return a > no_limit - b ? no_limit : a + b;
}

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

std::optional<error> storage_watch::objection(std::size_t commit_bytes,
                                              std::size_t scattered_rows) {
  if (auto full = map_objection(commit_bytes))
    return full;
  const auto wanted = sum(sum(commit_bytes, commit_bytes), bytes_of_rows(scattered_rows));
  const std::lock_guard lock{mutex_};
  const auto now = std::chrono::steady_clock::now();
  if (now >= next_check_ || free_bytes_ < sum(watermark_bytes_, sum(wanted, ample_bytes))) {
    next_check_ = now + disk_check_interval;
    ask_disk();
  }
  if (auto full = disk_objection(wanted))
    return full;
  free_bytes_ -= wanted;
  return std::nullopt;
}

bool storage_watch::has_room_for_what_trails() const {
  const std::lock_guard lock{mutex_};
  return free_bytes_ >= sum(watermark_bytes_, bytes_of_rows(most_reserve_bytes / page_bytes_));
}

bool storage_watch::has_room_at_the_end(std::size_t scattered_rows) {
  const std::lock_guard lock{mutex_};
  ask_disk();
  return free_bytes_ >= bytes_of_rows(scattered_rows);
}

/// With the pages beside.
std::size_t storage_watch::bytes_of_rows(std::size_t scattered) const {
  MDB_envinfo info{};
  mdb_env_info(env_.get(), &info);
  return (std::min(scattered, info.me_last_pgno + 1) + pages_beside_records) * page_bytes_;
}

/// If it cannot be asked, the commit will tell.
void storage_watch::ask_disk() {
  struct statvfs disk {};
  const bool asked = statvfs(directory_.c_str(), &disk) == 0;
  free_bytes_ = asked ? std::size_t{disk.f_bavail} * disk.f_frsize : no_limit;
}

std::optional<error> storage_watch::disk_objection(std::size_t wanted_bytes) const {
  if (free_bytes_ >= sum(watermark_bytes_, wanted_bytes))
    return std::nullopt;
  return error{errc::storage_full,
               "the disk of " + directory_.string() + " has " + std::to_string(free_bytes_)
                   + " bytes free; the commit may take " + std::to_string(wanted_bytes)
                   + ", and free_space_watermark_bytes, " + std::to_string(watermark_bytes_)
                   + ", must stay free"};
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
