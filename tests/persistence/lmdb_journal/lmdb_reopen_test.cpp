// A journal that has stopped is opened again in place.

#include "journal/journal_fixture.hpp"
#include "literals.hpp"

#include <atomic>
#include <csignal>
#include <future>
#include <thread>

#include <sys/resource.h>

using namespace cairn;
using namespace cairn::test;

namespace {

/// No file of this process may grow beyond this, as long as this lives.
class file_size_limit {
public:
  explicit file_size_limit(rlim_t bytes) {
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit most{bytes, before_.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &most) == 0);
  }
  ~file_size_limit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  file_size_limit(const file_size_limit&) = delete;
  file_size_limit& operator=(const file_size_limit&) = delete;

private:
  rlimit before_{};
  void (*handler_)(int);
};

/// Appends until a commit fails; how many events were acknowledged.
std::uint64_t append_until_it_stops(journal& journal) {
  const auto a = stream("a");
  const file_size_limit limit{300'000};
  for (std::uint64_t events = 0;; ++events) {
    const auto landed = journal.append(a, expected_version::any(), notes(a, events, 1, 3'000));
    if (landed)
      continue;
    CHECK(landed.error().code() == errc::outcome_unknown);
    return events;
  }
}

} // namespace

TEST_CASE("a journal whose commit has failed goes on where the disk is, once it is opened again") {
  const temporary_directory directory;
  const auto a = stream("a");
  const auto journal = must(open_lmdb_journal(small_options(directory / "j")));
  const position acknowledged{append_until_it_stops(*journal)};
  REQUIRE(journal->status().stopped_by.has_value());
  CHECK(failure_of(journal->append(a, expected_version::any(), notes(a, 1))).code()
        == errc::journal_stopped);
  // Of one that waits while it is opened again.
  auto beyond = std::async(std::launch::async, [&, last = journal->last_position()] {
    return journal->wait_beyond(last, std::chrono::steady_clock::time_point::max(), {});
  });
  must(journal->reopen());
  const auto status = journal->status();
  CHECK_FALSE(status.stopped_by);
  CHECK(status.epoch == 2);
  CHECK(status.last_position >= acknowledged);
  CHECK(all_events(*journal).size() == status.last_position.number());
  const auto landed = must(journal->append(
      a, expected_version::exact(version{status.last_position.number()}), notes(a, 7, 2)));
  CHECK(landed.first_position == status.last_position + 1);
  CHECK(must(beyond.get()) > acknowledged);
  CHECK(events_of(*journal, a).size() == status.last_position.number() + 2);
  must(journal->reopen()); // it has not stopped
  CHECK(journal->status().epoch == 2);
  must(journal->close());
  CHECK(failure_of(journal->reopen()).code() == errc::shut_down);
}

TEST_CASE("a journal that has stopped takes in no other one, and goes on when its own is back") {
  const temporary_directory directory;
  const auto a = stream("a");
  const auto journal = must(open_lmdb_journal(small_options(directory / "j")));
  must(journal->append(a, expected_version::none(), notes(a, 1)));
  crashed_copy(directory / "j", directory / "older");
  const auto acknowledged = append_until_it_stops(*journal);
  { // the same journal, which went another way
    const auto other = must(open_lmdb_journal(small_options(directory / "older")));
    for (std::uint64_t i = 0; i < acknowledged + 5; ++i)
      must(other->append(a, expected_version::any(), notes(a, i)));
    const auto unlike = must(open_lmdb_journal(small_options(directory / "unlike")));
    for (std::uint64_t i = 0; i < acknowledged + 5; ++i)
      must(unlike->append(a, expected_version::any(), notes(a, i)));
  }
  std::filesystem::rename(directory / "j", directory / "own");
  CHECK(failure_of(journal->reopen()).code() == errc::not_found);
  for (const char* const wrong : {"older", "unlike"}) {
    CAPTURE(wrong);
    std::filesystem::rename(directory / wrong, directory / "j");
    CHECK(failure_of(journal->reopen()).code() == errc::corrupt_journal);
    CHECK(failure_of(journal->append(a, expected_version::any(), notes(a, 1))).code()
          == errc::journal_stopped);
    CHECK(failure_of(
              journal->replay_all(1_pos, [](const event_view&) { return visit_result::proceed; }))
              .code()
          == errc::journal_stopped);
    CHECK(failure_of(journal->head(a)).code() == errc::journal_stopped);
    CHECK(failure_of(journal->declare_schemas({.owner = "test"})).code() == errc::journal_stopped);
    CHECK(journal->status().stopped_by.has_value());
    CHECK(journal->last_position() >= position{acknowledged});
    std::filesystem::rename(directory / "j", directory / wrong);
  }
  std::filesystem::rename(directory / "own", directory / "j");
  must(journal->reopen());
  CHECK(journal->last_position() > position{acknowledged});
  must(journal->append(a, expected_version::any(), notes(a, 1)));
}

TEST_CASE("who appends and reads while a journal is opened again is answered, and loses nothing") {
  const temporary_directory directory;
  const auto journal = must(open_lmdb_journal(small_options(directory / "j")));
  const auto before = append_until_it_stops(*journal);
  std::atomic<bool> done = false;
  std::atomic<std::uint64_t> appended = 0;
  std::vector<std::thread> threads;
  for (const char* const id : {"b", "c"})
    threads.emplace_back([&, own = stream(id)] {
      while (!done) {
        const auto landed = journal->append(own, expected_version::any(), notes(own, 1));
        if (landed)
          ++appended;
        else if (landed.error().code() != errc::journal_stopped)
          return;
        const auto read = journal->replay(own, 1_ver, to_the_end,
                                          [](const event_view&) { return visit_result::proceed; });
        if (!read && read.error().code() != errc::journal_stopped)
          return;
      }
    });
  must(journal->reopen());
  appended = 0;
  while (appended < 20)
    std::this_thread::yield();
  done = true;
  for (auto& each : threads)
    each.join();
  const auto all = all_events(*journal);
  CHECK(all.size() == journal->last_position().number());
  CHECK(all.size() >= before + 20);
}
