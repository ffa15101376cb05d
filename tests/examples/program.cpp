#include "program.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace test {
namespace {

void require(bool holds, const char* what) {
  if (!holds)
    throw std::system_error{errno, std::generic_category(), what};
}

} // namespace

scratch_directory::scratch_directory() {
  auto name = (std::filesystem::temp_directory_path() / "cairn-test-XXXXXX").string();
  require(mkdtemp(name.data()) != nullptr, "mkdtemp");
  path_ = name;
}

scratch_directory::~scratch_directory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path scratch_directory::write(const std::string& name,
                                               const std::string& content) const {
  const auto path = path_ / name;
  std::ofstream file{path, std::ios::binary};
  require(static_cast<bool>(file << content << std::flush), "writing a file of the test");
  return path;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

child::child(const std::filesystem::path& program, const std::vector<std::string>& arguments) {
  std::vector<std::string> texts{program.string()};
  texts.insert(texts.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (auto& text : texts)
    pointers.push_back(text.data());
  pointers.push_back(nullptr);

  constexpr int create = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, (outputs_ / "out").c_str(), create, 0600);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, (outputs_ / "err").c_str(), create, 0600);
  errno = posix_spawn(&id_, program.c_str(), &files, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  require(errno == 0, "posix_spawn");
}

child::~child() {
  if (id_ < 0)
    return;
  kill();
  waitpid(id_, nullptr, 0);
}

bool child::ends_within(std::chrono::microseconds time) const {
  const int handle = static_cast<int>(syscall(SYS_pidfd_open, id_, 0));
  require(handle >= 0, "pidfd_open");
  pollfd ended{.fd = handle, .events = POLLIN, .revents = 0};
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  const timespec limit{.tv_sec = seconds.count(),
                       .tv_nsec = std::chrono::nanoseconds{time - seconds}.count()};
  const int ready = ppoll(&ended, 1, &limit, nullptr);
  close(handle);
  require(ready >= 0, "ppoll");
  return ready == 1;
}

void child::kill() const {
  ::kill(id_, SIGKILL);
}

outcome child::wait() {
  int status = 0;
  require(waitpid(id_, &status, 0) == id_, "waitpid");
  id_ = -1;
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          read_file(outputs_ / "out"), read_file(outputs_ / "err")};
}

} // namespace test
