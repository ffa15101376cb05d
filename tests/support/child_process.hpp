#pragma once

#include <functional>
#include <string>

#include <sys/types.h>

namespace cairn::test {

/// How a child ended.
struct ending {
  int status = -1; ///< Exit status; -1: it was killed.
  int signal = 0;  ///< That killed it.
  bool operator==(const ending&) const = default;
};

/// A child made by fork, which runs `body`, and ends with what it returns without running any
/// destructor; killed if it outlives this object.
class child_process {
public:
  /// `body` gets the write end of a pipe to `read_line`.
  explicit child_process(const std::function<int(int pipe)>& body);
  ~child_process();
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;

  /// The next line that the child wrote to its pipe; empty at the end.
  std::string read_line();

  void kill();
  ending wait();

private:
  pid_t pid_ = -1;
  int pipe_ = -1;
  bool waited_ = false;
};

/// Runs `body` in a child and waits.
ending in_child(const std::function<int()>& body);

/// Writes `line` and a newline in one piece.
void say(int pipe, const std::string& line);

} // namespace cairn::test
