// Which directories are synced when a journal is made: the program's own fsync notes them.

#include "journal/journal_fixture.hpp"
#include "lmdb/directory_guard.hpp"

#include <algorithm>
#include <mutex>
#include <set>

#include <sys/syscall.h>
#include <unistd.h>

using namespace cairn;
using namespace cairn::test;

namespace {

using std::filesystem::path;

std::mutex noted_mutex;
std::set<path> noted; // synced since the test began

std::set<path> synced_while(const std::function<void()>& what) {
  {
    const std::lock_guard lock{noted_mutex};
    noted.clear();
  }
  what();
  const std::lock_guard lock{noted_mutex};
  return noted;
}

} // namespace

extern "C" int fsync(int descriptor) {
  std::error_code gone;
  const auto name =
      std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(descriptor), gone);
  {
    const std::lock_guard lock{noted_mutex};
    noted.insert(name);
  }
  return static_cast<int>(syscall(SYS_fsync, descriptor));
}

TEST_CASE("every directory that is made for a journal is synced in the one above it") {
  const temporary_directory directory;
  const path root = std::filesystem::canonical(directory.path());
  const auto enter = [&](const path& where) {
    return synced_while([&] { must(detail::directory_guard::enter({.directory = where})); });
  };

  SUBCASE("made level by level") {
    const auto synced = enter(root / "a" / "b" / "c" / "");
    CHECK(std::filesystem::is_directory(root / "a" / "b" / "c"));
    CHECK(synced == std::set<path>{root, root / "a", root / "a" / "b"});
  }
  SUBCASE("there already, without a journal: whoever made it may not have synced it") {
    std::filesystem::create_directory(root / "j");
    std::filesystem::permissions(root / "j", std::filesystem::perms::owner_all);
    CHECK(enter(root / "j") == std::set<path>{root});
  }
  SUBCASE("with a journal in it: that was done when it was made") {
    must(open_lmdb_journal({.directory = root / "j"}));
    CHECK(enter(root / "j").empty());
  }
}
