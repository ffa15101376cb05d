#include "thread_limit.hpp"

#include "child_process.hpp"
#include "temporary_directory.hpp"

#include <doctest/doctest.h>

#include <sys/types.h>
#include <unistd.h>

#include <system_error>
#include <thread>
#include <vector>

namespace cairn::test {
namespace {

constexpr uid_t somebody = 54'321;

/// From now on this process is another user's, who may use `directory`. False: it cannot be.
bool become_somebody(const std::filesystem::path& directory) {
  if (geteuid() == 0
      && (chown(directory.c_str(), somebody, somebody) != 0
          || setresgid(somebody, somebody, somebody) != 0
          || setresuid(somebody, somebody, somebody) != 0))
    return false;
  return access(directory.c_str(), R_OK | W_OK | X_OK) == 0;
}

} // namespace

bool limit_threads(rlim_t most) {
  const rlimit limit{most, most};
  if (setrlimit(RLIMIT_NPROC, &limit) != 0)
    return false;
  std::vector<std::jthread> started;
  try {
    while (started.size() < most)
      started.emplace_back([](const std::stop_token& over) {
        while (!over.stop_requested())
          std::this_thread::yield();
      });
  } catch (const std::system_error&) {
    return started.size() + 1 == most;
  }
  return false;
}

void in_child_of_somebody(const std::function<int(const std::filesystem::path&)>& body) {
  const ::test::temporary_directory directory;
  const auto ended = in_child(
      [&] { return become_somebody(directory.path()) ? body(directory / "journal") : not_here; });
  if (ended.status == not_here)
    MESSAGE("not tried: this machine does not let a test limit its threads");
  else
    CHECK(ended.status == 0);
}

} // namespace cairn::test
