// Lets small disks become full under a runtime, and looks that it refuses in time, and what is
// there when there is room again.

#include "expectations.hpp"
#include "temporary_directory.hpp"

#include <cairn/error.hpp>

#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <limits>
#include <string>

using namespace crash;

namespace {

constexpr int not_possible_here = 77;

/// A small file system of the test's own, while it lives.
class small_disk {
public:
  explicit small_disk(const std::filesystem::path& place) : place_{place} {
    std::filesystem::create_directory(place_);
  }
  virtual ~small_disk() {
    if (mounted_)
      ::umount2(place_.c_str(), MNT_DETACH);
  }
  small_disk(const small_disk&) = delete;
  small_disk& operator=(const small_disk&) = delete;

  bool mounted() const noexcept { return mounted_; }
  const std::filesystem::path& place() const noexcept { return place_; }

protected:
  std::filesystem::path place_;
  bool mounted_ = false;
};

class small_tmpfs final : public small_disk {
public:
  explicit small_tmpfs(const std::filesystem::path& place) : small_disk{place} {
    mounted_ = ::mount("cairn-test", place_.c_str(), "tmpfs", 0, "size=2m,mode=0700") == 0;
  }
};

class small_ext4 final : public small_disk {
public:
  explicit small_ext4(const std::filesystem::path& place) : small_disk{place} {
    const auto image = place.string() + ".image";
    std::ofstream{image} << std::flush;
    std::filesystem::resize_file(image, std::size_t{8} << 20);
    const auto command = "mkfs.ext4 -q -F " + image + " >/dev/null 2>&1 && mount -o loop " + image
                         + ' ' + place_.string() + " 2>/dev/null";
    mounted_ = ::geteuid() == 0 && std::system(command.c_str()) == 0;
  }
};

/// Fills the disk, and then makes room and opens the journal again.
bool fill(const small_disk& disk, const char* name, expectations& told) {
  constexpr std::size_t ballast_bytes = std::size_t{1} << 20;
  const auto ballast = disk.place() / "ballast";
  std::ofstream{ballast} << std::string(ballast_bytes, 'x') << std::flush;
  told.clear();
  const auto directory = disk.place() / "journal";
  const bool lived = in_child([&] {
    run_clients(directory, std::numeric_limits<std::uint64_t>::max(), 40, told);
    return true;
  });
  std::filesystem::remove(ballast);
  std::uint64_t acknowledged = 0, unknown = 0;
  for (std::size_t i = 0; i < told.told; ++i) {
    acknowledged += told.answers[i].what == report::kind::accepted ? 1 : 0;
    unknown +=
        told.answers[i].code == static_cast<std::uint32_t>(cairn::errc::outcome_unknown) ? 1 : 0;
  }
  const bool refused = lived && told.failed() && unknown == 0 && !told.stopped && told.closing == 0;
  const bool kept = in_child([&] {
    const auto wrong = contradiction_to(told, directory);
    if (!wrong.empty())
      std::cout << "  " << wrong << std::endl;
    return wrong.empty();
  });
  std::cout << name << ": full after " << acknowledged << " acknowledged commands, " << unknown
            << " of unknown outcome; "
            << (refused ? "refused in time" : "FAILED: not refused in time") << ", "
            << (kept ? "nothing lost" : "FAILED: something is lost") << std::endl;
  return refused && kept;
}

} // namespace

int main() {
  const test::temporary_directory place;
  auto& told = shared_expectations();
  int status = 0;
  const auto try_one = [&](const small_disk& disk, const char* name) {
    if (!disk.mounted()) {
      std::cout << "not run: a small " << name << " cannot be mounted here\n";
      status = status == 0 ? not_possible_here : status;
    } else if (!fill(disk, name, told)) {
      status = 1;
    }
  };
  try_one(small_tmpfs{place / "tmpfs"}, "tmpfs");
  try_one(small_ext4{place / "ext4"}, "ext4");
  return status;
}
