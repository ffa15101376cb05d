// Where the system gives no more threads: an error, or work without one, and never an exception or
// the end of the program.

#include "journal/journal_fixture.hpp"
#include "thread_limit.hpp"

using namespace cairn;
using namespace cairn::test;

TEST_CASE("a journal whose thread cannot be started says so") {
  in_child_of_somebody([](const std::filesystem::path& where) {
    if (!limit_threads(1))
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
    if (!limit_threads(1))
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
