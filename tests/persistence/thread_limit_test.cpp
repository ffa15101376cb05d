// Where the system gives no more threads: an error, or work without one, and never an exception or
// the end of the program.

#include "child_process.hpp"
#include "journal_fixture.hpp"
#include "start_thread.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace cairn;
using namespace cairn::test;

namespace {

constexpr uid_t somebody = 54'321; // root has no limit
constexpr int not_here = 77;

/// From now on this process is another user's, who may use `directory`. False: it cannot be.
bool become_somebody(const std::filesystem::path& directory) {
  if (geteuid() == 0
      && (chown(directory.c_str(), somebody, somebody) != 0
          || setresgid(somebody, somebody, somebody) != 0
          || setresuid(somebody, somebody, somebody) != 0))
    return false;
  return access(directory.c_str(), R_OK | W_OK | X_OK) == 0;
}

/// Lets this user have no thread more. False: it can have them all the same.
bool forbid_threads() {
  const rlimit none{1, 1};
  if (setrlimit(RLIMIT_NPROC, &none) != 0)
    return false;
  auto started = detail::start_thread("cairn-none", [] {});
  if (started)
    started->join();
  return !started && started.error().code() == errc::io_failed;
}

/// Runs `body` in a child; 0 is right, and what cannot be tried here is said.
void in_child_of_somebody(const std::function<int(const std::filesystem::path&)>& body) {
  const temporary_directory directory;
  const auto ended = in_child(
      [&] { return become_somebody(directory.path()) ? body(directory / "journal") : not_here; });
  if (ended.status == not_here)
    MESSAGE("not tried: this machine does not let a test limit its threads");
  else
    CHECK(ended.status == 0);
}

} // namespace

TEST_CASE("a journal whose thread cannot be started says so") {
  in_child_of_somebody([](const std::filesystem::path& where) {
    if (!forbid_threads())
      return not_here;
    const auto opened = open_lmdb_journal({.directory = where});
    return !opened && opened.error().code() == errc::io_failed ? 0 : 1;
  });
}

TEST_CASE("heads trail the log although no thread can be started to sort them") {
  constexpr std::size_t streams = 700;
  in_child_of_somebody([](const std::filesystem::path& where) {
    auto opened = open_lmdb_journal({.directory = where, .flush_interval_events = 600});
    if (!opened)
      return 1;
    const auto journal = *std::move(opened);
    if (!forbid_threads())
      return not_here;
    for (std::size_t i = 0; i < streams; ++i)
      if (!journal->append(stream("s" + std::to_string(i)), expected_version::none(),
                           notes(stream("s" + std::to_string(i)), 1, 1)))
        return 2;
    if (journal->status().unflushed_heads >= streams)
      return 3;
    return journal->close() && verify_lmdb_journal({.directory = where})->streams == streams ? 0
                                                                                             : 4;
  });
}
