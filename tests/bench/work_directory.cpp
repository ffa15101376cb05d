#include "work_directory.hpp"

#include "failure.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bench {
namespace {

std::atomic<pid_t> running_child{0};

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

void remove_at_signal(const std::filesystem::path& directory) {
  const auto set = ending_signals();
  int signal = 0;
  sigwait(&set, &signal);
  if (const auto child = running_child.load())
    kill(child, SIGKILL);
  // The other threads are still at work and may make files meanwhile.
  for (int tries = 0; tries < 10; ++tries) {
    std::error_code failed;
    std::filesystem::remove_all(directory, failed);
    if (!std::filesystem::exists(directory, failed))
      break;
  }
  _exit(128 + signal);
}

std::string read_all(int descriptor) {
  std::string text;
  char part[4096];
  for (;;) {
    const auto count = read(descriptor, part, sizeof part);
    if (count > 0)
      text.append(part, static_cast<std::size_t>(count));
    else if (count == 0 || errno != EINTR)
      return text;
  }
}

} // namespace

work_directory::work_directory(const std::filesystem::path& parent) {
  const auto set = ending_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr); // first: nothing may end it once there is a directory
  auto pattern = (std::filesystem::absolute(parent) / "cairn-bench-XXXXXX").string();
  if (!mkdtemp(pattern.data()))
    throw failure{"cannot make a directory in " + parent.string() + ": " + std::strerror(errno)};
  path_ = pattern;
  std::thread{[directory = path_] { remove_at_signal(directory); }}.detach();
}

work_directory::~work_directory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

scratch_directory::scratch_directory(const work_directory& in, const std::string& name)
  : path_{in.path() / name} {}

scratch_directory::~scratch_directory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string run_self(const std::vector<std::string>& arguments) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    throw failure{std::string{"cannot make a pipe: "} + std::strerror(errno)};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::string self = "/proc/self/exe";
  std::vector<char*> argv{self.data()};
  auto copies = arguments;
  for (auto& argument : copies)
    argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  const int failed = posix_spawn(&child, self.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (failed) {
    close(ends[0]);
    throw failure{std::string{"cannot run this program again: "} + std::strerror(failed)};
  }
  running_child = child;
  auto text = read_all(ends[0]);
  close(ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  running_child = 0;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw failure{"the helper process '" + arguments.front() + "' failed"};
  return text;
}

void die_with_parent() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
}

} // namespace bench
