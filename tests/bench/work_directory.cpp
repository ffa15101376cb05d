#include "work_directory.hpp"

#include "failure.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bench {
namespace {

sigset_t awaited_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGCHLD})
    sigaddset(&set, signal);
  return set;
}

/// Waits for the end of the process that measures, or ends it and whatever it has started; then
/// nobody is left who could make files, and the directory goes.
[[noreturn]] void supervise(pid_t worker, const std::filesystem::path& directory) {
  const auto set = awaited_signals();
  int signal = 0;
  int status = 0;
  do {
    sigwait(&set, &signal);
    if (signal != SIGCHLD)
      kill(worker, SIGKILL);
  } while (signal == SIGCHLD && waitpid(worker, &status, WNOHANG) != worker);
  while (waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
  }
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
  if (signal == SIGCHLD && WIFEXITED(status))
    _exit(WEXITSTATUS(status));
  _exit(128 + (signal == SIGCHLD ? WTERMSIG(status) : signal));
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
  const auto set = awaited_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr); // first: nothing may end it once there is a directory
  auto pattern = (std::filesystem::absolute(parent) / "cairn-bench-XXXXXX").string();
  if (!mkdtemp(pattern.data()))
    throw failure{"cannot make a directory in " + parent.string() + ": " + std::strerror(errno)};
  path_ = pattern;
  prctl(PR_SET_CHILD_SUBREAPER, 1); // to be told of the end of what the child has started, too
  const auto worker = fork();
  if (worker > 0)
    supervise(worker, path_);
  if (worker < 0) {
    const auto why = std::string{std::strerror(errno)};
    std::filesystem::remove(path_);
    throw failure{"cannot start a process: " + why};
  }
  die_with_parent();
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
  auto text = read_all(ends[0]);
  close(ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw failure{"the helper process '" + arguments.front() + "' failed"};
  return text;
}

void die_with_parent() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
}

} // namespace bench
