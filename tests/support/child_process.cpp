#include "child_process.hpp"

#include <doctest/doctest.h>

#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

namespace cairn::test {

child_process::child_process(const std::function<int(int pipe)>& body) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  pid_ = fork();
  REQUIRE(pid_ >= 0);
  if (pid_ == 0) {
    close(ends[0]);
    _exit(body(ends[1]));
  }
  close(ends[1]);
  pipe_ = ends[0];
}

child_process::~child_process() {
  if (!waited_) {
    kill();
    (void)wait();
  }
  close(pipe_);
}

std::string child_process::read_line() {
  std::string line;
  for (char c = 0; read(pipe_, &c, 1) == 1;) {
    if (c == '\n')
      return line;
    line += c;
  }
  return {}; // a line cut short was not said
}

void child_process::kill() {
  ::kill(pid_, SIGKILL);
}

ending child_process::wait() {
  int status = 0;
  REQUIRE(waitpid(pid_, &status, 0) == pid_);
  waited_ = true;
  if (WIFSIGNALED(status))
    return {-1, WTERMSIG(status)};
  return {WEXITSTATUS(status), 0};
}

ending in_child(const std::function<int()>& body) {
  child_process child{[&](int) { return body(); }};
  return child.wait();
}

void say(int pipe, const std::string& line) {
  const std::string whole = line + "\n";
  if (write(pipe, whole.data(), whole.size()) != static_cast<ssize_t>(whole.size()))
    _exit(99);
}

} // namespace cairn::test
