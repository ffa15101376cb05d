// Traps 3, 4, 6, 11, 12 and 18 of LMDB: commits that fail, and full storage.

#include "child_process.hpp"
#include "journal/journal_fixture.hpp"
#include "literals.hpp"
#include "lmdb_journal/lmdb_store.hpp"
#include "lmdb_rows/journal_reader.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <functional>

#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace cairn;
using namespace cairn::test;

namespace {

constexpr std::size_t mib = std::size_t{1} << 20;

/// A small disk of the test's own.
class tmpfs {
public:
  explicit tmpfs(std::filesystem::path place) : place_{std::move(place)} {
    std::filesystem::create_directory(place_);
    mounted_ = mount("cairn-test", place_.c_str(), "tmpfs", 0, "size=2m,mode=0700") == 0;
  }
  ~tmpfs() {
    if (mounted_)
      umount2(place_.c_str(), MNT_DETACH);
  }
  tmpfs(const tmpfs&) = delete;
  tmpfs& operator=(const tmpfs&) = delete;
  explicit operator bool() const noexcept { return mounted_; }

private:
  std::filesystem::path place_;
  bool mounted_;
};

/// Another process that opens a journal, which is made before it, and writes when told to.
class late_writer {
public:
  late_writer(const lmdb_journal_options& options, const std::function<void(journal&)>& write)
    : go_{open_pipe(options)}, process_{[&](int pipe) {
        char c = 0;
        const auto opened = must(open_lmdb_journal(options));
        if (read(go_[0], &c, 1) != 1)
          return 1;
        write(*opened);
        say(pipe, "done");
        pause();
        return 0;
      }} {}

  /// Returns when it is done.
  void write() {
    REQUIRE(::write(go_[1], "x", 1) == 1);
    REQUIRE(process_.read_line() == "done");
  }

private:
  static std::array<int, 2> open_pipe(const lmdb_journal_options& options) {
    must(must(open_lmdb_journal(options))->close());
    std::array<int, 2> ends{};
    REQUIRE(pipe(ends.data()) == 0);
    return ends;
  }

  const std::array<int, 2> go_;
  child_process process_;
};

/// Appends to two streams until an append fails; says each acknowledged count, and then the codes
/// of the failure and of the attempt after it.
void append_until_failure(journal& journal, int pipe, std::size_t blob_bytes) {
  const std::vector<stream_id> streams{stream("a"), stream("b")};
  for (std::uint64_t i = 0;; ++i) {
    const auto& id = streams[i % 2];
    const auto landed = journal.append(id, expected_version::any(), notes(id, i, 2, blob_bytes));
    if (landed) {
      say(pipe, to_string(landed->first_position + 1));
      continue;
    }
    say(pipe, std::string{to_string(landed.error().code())});
    const auto again = journal.append(id, expected_version::any(), notes(id, i, 1, blob_bytes));
    say(pipe, again ? "accepted" : std::string{to_string(again.error().code())});
    const auto status = journal.status();
    say(pipe, status.stopped_by ? "stopped" : "going");
    return;
  }
}

struct failure_report {
  std::uint64_t acknowledged = 0;
  std::string failure, after, state;
};

failure_report report_of(child_process& child) {
  failure_report report;
  for (;;) {
    report.failure = child.read_line();
    REQUIRE(!report.failure.empty());
    if (report.failure.find_first_not_of("0123456789") != std::string::npos)
      break;
    report.acknowledged = std::stoull(report.failure);
  }
  report.after = child.read_line();
  report.state = child.read_line();
  return report;
}

/// What was acknowledged is there, in whole appends, and the journal goes on.
void check_survivor(const lmdb_journal_options& options, std::uint64_t acknowledged) {
  const auto journal = must(open_lmdb_journal(options));
  CHECK(journal->last_position() >= position{acknowledged});
  CHECK(all_events(*journal).size() == journal->last_position().number());
  CHECK(events_of(*journal, stream("a")).size() + events_of(*journal, stream("b")).size()
        == journal->last_position().number());
  const auto a = stream("a");
  must(journal->append(a, expected_version::any(), notes(a, 1)));
}

} // namespace

TEST_CASE("a failed commit is of unknown outcome, stops the journal, and loses nothing "
          "acknowledged") {
  for (const std::size_t limit : {300'000, 304'000, 500'000, 1'000'000}) {
    CAPTURE(limit);
    const temporary_directory directory;
    const auto options = small_options(directory / "j");
    child_process writer{[&](int pipe) {
      std::signal(SIGXFSZ, SIG_IGN);
      auto opened = open_lmdb_journal(options);
      if (!opened)
        return 1;
      const rlimit most{limit, limit};
      if (setrlimit(RLIMIT_FSIZE, &most) != 0)
        return 2;
      append_until_failure(**opened, pipe, 3'000);
      const auto readable =
          (*opened)->replay_all(1_pos, [](const event_view&) { return visit_result::proceed; });
      say(pipe, readable ? "readable" : std::string{to_string(readable.error().code())});
      const auto closed = (*opened)->close();
      say(pipe, closed ? "closed" : std::string{to_string(closed.error().code())});
      return 0;
    }};
    const failure_report report = report_of(writer);
    CHECK(report.acknowledged > 0);
    CHECK(report.failure == "outcome_unknown");
    CHECK(report.after == "journal_stopped");
    CHECK(report.state == "stopped");
    CHECK(writer.read_line() == "readable");
    CHECK(writer.read_line() == "journal_stopped");
    CHECK(writer.wait() == ending{0, 0});
    check_survivor(options, report.acknowledged);
  }
}

TEST_CASE("a disk that fills up is refused in time, and loses nothing acknowledged") {
  const temporary_directory directory;
  const auto disk = directory / "disk";
  const tmpfs mounted{disk};
  if (!mounted) {
    MESSAGE("skipped: a tmpfs cannot be mounted here");
    return;
  }
  const auto options = small_options(disk / "j");
  failure_report report;
  {
    child_process writer{[&](int pipe) {
      auto opened = open_lmdb_journal(options);
      if (!opened)
        return 1;
      append_until_failure(**opened, pipe, 3'000);
      return 0;
    }};
    report = report_of(writer);
    CHECK(writer.wait() == ending{0, 0});
  }
  CHECK(report.acknowledged > 0);
  CHECK(report.failure == "storage_full");
  CHECK(report.state == "going");
  const temporary_directory elsewhere;
  std::filesystem::create_directory(elsewhere / "j");
  std::filesystem::permissions(elsewhere / "j", std::filesystem::perms::owner_all);
  std::filesystem::copy_file(disk / "j" / "journal.mdb", elsewhere / "j" / "journal.mdb");
  check_survivor(small_options(elsewhere / "j"), report.acknowledged);
}

TEST_CASE("below the free-space watermark appends are refused and reads go on") {
  const temporary_directory directory;
  auto options = small_options(directory / "j");
  const auto a = stream("a");
  {
    const auto journal = must(open_lmdb_journal(options));
    must(journal->append(a, expected_version::none(), notes(a, 1)));
  }
  options.free_space_watermark_bytes = std::size_t{1} << 46;
  const auto journal = must(open_lmdb_journal(options));
  const error refused = failure_of(journal->append(a, expected_version::any(), notes(a, 2)));
  CHECK(refused.code() == errc::storage_full);
  CHECK_FALSE(journal->status().stopped_by.has_value());
  CHECK(events_of(*journal, a).size() == 1);
  must(journal->close());
}

TEST_CASE("below the free-space watermark snapshots are dropped") {
  const temporary_directory directory;
  auto options = small_options(directory / "j");
  const auto a = stream("a");
  must(must(open_lmdb_journal(options))->append(a, expected_version::none(), notes(a, 1)));
  for (const bool enough : {false, true}) {
    options.free_space_watermark_bytes = enough ? 0 : std::size_t{1} << 46;
    const auto journal = must(open_lmdb_journal(options));
    journal->submit_snapshot(tally(a, {1_ver, 1_pos}, 1));
    barrier(*journal, a);
    CHECK(kept_tally(*journal, a).has_value() == enough);
  }
}

TEST_CASE("a full map refuses appends, loses nothing, and a larger one goes on") {
  const temporary_directory directory;
  auto options = small_options(directory / "j");
  options.map_bytes = 2 * mib;
  const auto a = stream("a");
  std::uint64_t accepted = 0;
  {
    const auto journal = must(open_lmdb_journal(options));
    for (;; ++accepted) {
      const auto landed = journal->append(a, expected_version::any(), notes(a, 1, 1, 1'500));
      if (!landed) {
        CHECK(landed.error().code() == errc::storage_full);
        break;
      }
    }
    CHECK(accepted > 500);
    CHECK(failure_of(journal->append(a, expected_version::any(), notes(a, 1))).code()
          == errc::storage_full);
    CHECK_FALSE(journal->status().stopped_by.has_value());
    CHECK(events_of(*journal, a).size() == accepted);
    must(journal->close());
  }
  options.map_bytes = 16 * mib;
  const auto journal = must(open_lmdb_journal(options));
  CHECK(must(journal->append(a, expected_version::any(), notes(a, 2))).first_version
        == version{accepted + 1});
}

TEST_CASE(
    "a snapshot that does not fit into the map is dropped, and the events beside it are not") {
  const temporary_directory directory;
  auto options = small_options(directory / "j");
  options.map_bytes = 2 * mib;
  const auto journal = must(open_lmdb_journal(options));
  const auto a = stream("a");
  must(journal->append(a, expected_version::none(), notes(a, 1)));
  journal->submit_snapshot(snapshot_draft::encode(
      a, {1_ver, 1_pos}, 1, {}, [](capnp::AnyPointer::Builder state) { note(state, 1, 4 * mib); }));
  must(journal->append(a, expected_version::exact(1_ver), notes(a, 2)));
  barrier(*journal, a);
  CHECK_FALSE(must(journal->load_snapshot(a, [](const snapshot_view&) {})));
  CHECK(events_of(*journal, a).size() == 2);
  CHECK_FALSE(journal->status().stopped_by.has_value());
}

TEST_CASE("a reading process follows when the writing one outgrows its map") {
  const temporary_directory directory;
  auto options = small_options(directory / "j");
  options.map_bytes = 64 * mib;
  const auto a = stream("a");
  late_writer writer{options, [&](journal& to) {
                       for (std::uint64_t i = 0; i < 40; ++i)
                         must(to.append(a, expected_version::any(), notes(a, i, 1, 100'000)));
                     }};
  auto small = options;
  small.map_bytes = mib;
  const auto reading = must(open_lmdb_journal_for_reading(small));
  CHECK(events_of(*reading, a).empty());
  writer.write();
  CHECK(events_of(*reading, a).size() == 40);
  CHECK(reading->last_position() == 40_pos);
}

TEST_CASE("who reads within a read cannot follow a map that grew, is told so, and can afterwards") {
  const temporary_directory directory;
  auto options = small_options(directory / "j");
  options.map_bytes = 64 * mib;
  const auto a = stream("a");
  late_writer writer{options, [&](journal& to) {
                       must(to.append(a, expected_version::any(), notes(a, 1, 8, 400'000)));
                     }};
  auto small = options;
  small.map_bytes = mib;
  const auto store = must(detail::open_store(small, {.read_only = true}));
  constexpr std::chrono::milliseconds patience{20};
  detail::journal_readers readers{store.env, store.dbs, small.max_readers, patience};
  {
    const auto outer = must(readers.acquire());
    writer.write();
    for (int time = 0; time < 2; ++time) {
      const error refused = failure_of(readers.acquire());
      CHECK(refused.code() == errc::io_failed);
      CHECK(refused.message().find("this thread's own") != std::string::npos);
    }
  }
  const auto reader = must(readers.acquire());
  position last;
  CHECK(detail::last_log_position(reader.txn(), reader.dbs(), last) == 0);
  CHECK(last == 8_pos);
}

TEST_CASE("when its queue is full the journal says overloaded at once and loses no operation") {
  struct counting_target final : append_listener {
    void on_completed(std::vector<std::unique_ptr<append_operation>> operations) noexcept override {
      for (const auto& operation : operations) {
        const auto& outcome = *operation->outcome;
        accepted += outcome.has_value();
        overloaded += !outcome && outcome.error().code() == errc::overloaded;
        ++finished;
      }
    }
    std::atomic<int> accepted = 0, overloaded = 0, finished = 0;
  };
  const temporary_directory directory;
  auto options = small_options(directory / "j");
  options.max_queued_bytes = 8'000;
  const auto journal = must(open_lmdb_journal(options));
  const auto a = stream("a");
  counting_target target;
  constexpr int attempts = 2'000;
  for (int i = 0; i < attempts; ++i) {
    auto operation = std::make_unique<append_operation>(a, expected_version::any(), target);
    operation->events = notes(a, static_cast<std::uint64_t>(i));
    journal->submit(std::move(operation));
  }
  must(journal->close());
  CHECK(target.finished == attempts);
  CHECK(target.overloaded > 0);
  CHECK(target.accepted + target.overloaded == attempts);
  CHECK(journal->last_position().number() == static_cast<std::uint64_t>(target.accepted));
}
