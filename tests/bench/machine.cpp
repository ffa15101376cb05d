#include "machine.hpp"

#include "raw_lmdb.hpp"

#include <fstream>
#include <thread>

#include <sys/vfs.h>

extern "C" [[gnu::weak]] int mallctl(const char*, void*, std::size_t*, void*, std::size_t);

namespace bench {
namespace {

constexpr std::uint64_t probe_commits = 300;

std::string processor_name() {
  std::ifstream info{"/proc/cpuinfo"};
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name"))
      return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

std::string file_system_of(const std::filesystem::path& directory) {
  struct statfs about {};
  if (statfs(directory.c_str(), &about) != 0)
    return "unknown";
  switch (static_cast<unsigned long>(about.f_type)) {
    case 0xEF53: return "ext4";
    case 0x58465342: return "xfs";
    case 0x9123683E: return "btrfs";
    case 0x01021994: return "tmpfs";
    case 0x794c7630: return "overlay";
    case 0x2FC12FC1: return "zfs";
    default: return "other";
  }
}

double sync_us(const work_directory& directory) {
  const scratch_directory home{directory, "sync"};
  raw_log log{home.path(), 4096, 1};
  latency_histogram commits;
  log.append(1, std::chrono::seconds{2}, probe_commits, &commits);
  return commits.quantile_us(0.5);
}

} // namespace

json describe_machine(const work_directory& directory) {
  return {{"cores", std::thread::hardware_concurrency()},
          {"processor", processor_name()},
          {"file_system", file_system_of(directory.path())},
          {"sync_us", sync_us(directory)},
          {"sync_mode", "every commit synced (LMDB's default flags)"},
          {"caf", CAIRN_BENCH_CAF_VERSION},
          {"lmdb", lmdb_version()},
          {"allocator", mallctl ? "jemalloc" : "the C library's"},
          {"build", CAIRN_BENCH_BUILD_TYPE}};
}

std::vector<std::string> warnings_about(const json& machine) {
  std::vector<std::string> found;
#ifndef __OPTIMIZE__
  found.push_back("built without optimisation: only a release build says anything");
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  found.push_back("built with a sanitizer: only a release build says anything");
#endif
  if (machine["file_system"] == "tmpfs")
    found.push_back("the directory is in memory: syncing costs nothing there");
  return found;
}

} // namespace bench
