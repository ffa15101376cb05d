// Traps 2, 6-10, 13-15 and 17 of LMDB: what is around the data.

#include "child_process.hpp"
#include "journal/journal_fixture.hpp"
#include "literals.hpp"
#include "lmdb/directory_guard.hpp"
#include "lmdb/reader_pool.hpp"
#include "lmdb_rows/journal_meta.hpp"

#include <condition_variable>
#include <cstring>
#include <fstream>
#include <mutex>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace cairn;
using namespace cairn::test;

namespace {

using std::filesystem::path;
using std::filesystem::perms;

errc opening_fails(const path& directory) {
  auto opened = open_lmdb_journal({.directory = directory});
  return opened ? errc{} : opened.error().code();
}

void make_journal(const path& directory, std::size_t events = 1) {
  const auto journal = must(open_lmdb_journal({.directory = directory}));
  const auto a = stream("a");
  must(journal->append(a, expected_version::any(), notes(a, 1, events)));
}

mode_t mode_of(const path& file) {
  struct stat status {};
  REQUIRE(stat(file.c_str(), &status) == 0);
  return status.st_mode & 0777;
}

} // namespace

TEST_CASE("a journal's directory and files are private, whatever the umask") {
  const temporary_directory directory;
  const mode_t before = umask(0);
  make_journal(directory / "j");
  umask(before);
  CHECK(mode_of(directory / "j") == 0700);
  for (const auto& entry : std::filesystem::directory_iterator{directory / "j"})
    CHECK_MESSAGE(mode_of(entry.path()) == 0600, entry.path().string());
}

TEST_CASE("a journal that group or others may read is refused") {
  const temporary_directory directory;
  make_journal(directory / "j");
  std::filesystem::permissions(directory / "j" / "journal.mdb", perms::group_read,
                               std::filesystem::perm_options::add);
  CHECK(opening_fails(directory / "j") == errc::insecure_permissions);
  std::filesystem::permissions(directory / "j" / "journal.mdb",
                               perms::owner_read | perms::owner_write);
  std::filesystem::permissions(directory / "j", perms::others_exec,
                               std::filesystem::perm_options::add);
  CHECK(opening_fails(directory / "j") == errc::insecure_permissions);
  std::filesystem::permissions(directory / "j", perms::owner_all);
  CHECK(opening_fails(directory / "j") == errc{});
}

TEST_CASE("an empty directory of our own is made private, one that holds anything is refused") {
  const temporary_directory directory;
  const auto open_to_all = [&](std::string_view name) {
    std::filesystem::create_directory(directory / name);
    std::filesystem::permissions(directory / name, perms::owner_all | perms::group_read
                                                       | perms::group_exec | perms::others_read
                                                       | perms::others_exec);
    return directory / name;
  };
  make_journal(open_to_all("empty"));
  CHECK(mode_of(directory / "empty") == 0700);

  const auto used = open_to_all("used");
  std::ofstream{used / "anything"} << "x";
  CHECK(opening_fails(used) == errc::insecure_permissions);
  CHECK(mode_of(used) == 0755);

  const auto looked_at = open_to_all("looked-at"); // who only reads changes nothing
  CHECK(failure_of(open_lmdb_journal_for_reading({.directory = looked_at})).code()
        == errc::insecure_permissions);
  CHECK(failure_of(open_lmdb_journal({.directory = looked_at, .create = false})).code()
        == errc::insecure_permissions);
  CHECK(mode_of(looked_at) == 0755);
}

TEST_CASE("a journal that does not exist is not created unless asked for") {
  const temporary_directory directory;
  CHECK(failure_of(open_lmdb_journal({.directory = directory / "j", .create = false})).code()
        == errc::not_found);
  CHECK(failure_of(open_lmdb_journal_for_reading({.directory = directory / "j"})).code()
        == errc::not_found);
  CHECK_FALSE(std::filesystem::exists(directory / "j"));
  std::filesystem::create_directory(directory / "j");
  std::filesystem::permissions(directory / "j", perms::owner_all);
  CHECK(failure_of(open_lmdb_journal({.directory = directory / "j", .create = false})).code()
        == errc::not_found);
  CHECK(opening_fails("") == errc::invalid_argument);
}

TEST_CASE("a crash while a journal was created leaves nothing that hinders the next try") {
  const temporary_directory directory;
  std::filesystem::create_directory(directory / "j");
  std::filesystem::permissions(directory / "j", perms::owner_all);
  std::ofstream{directory / "j" / "journal.mdb.new"} << "half a page";
  std::ofstream{directory / "j" / "journal.mdb.new-lock"} << "x";
  make_journal(directory / "j");
  CHECK_FALSE(std::filesystem::exists(directory / "j" / "journal.mdb.new"));
  CHECK_FALSE(std::filesystem::exists(directory / "j" / "journal.mdb.new-lock"));
}

TEST_CASE("a file cut short is reported when it is opened, wherever it was cut") {
  const temporary_directory directory;
  make_journal(directory / "j", 500);
  const path file = directory / "j" / "journal.mdb";
  const auto whole = std::filesystem::file_size(file);
  std::ifstream in{file, std::ios::binary};
  const std::string bytes{std::istreambuf_iterator<char>{in}, {}};
  for (std::size_t size = 0; size < whole; size += size < 20'000 ? 1'009 : 4'096) {
    CAPTURE(size);
    std::ofstream{file, std::ios::binary}.write(bytes.data(), static_cast<std::streamsize>(size));
    CHECK(opening_fails(directory / "j") == errc::corrupt_journal);
  }
  std::ofstream{file, std::ios::binary} << bytes;
  CHECK(opening_fails(directory / "j") == errc{});
}

TEST_CASE("a file that is no journal is refused") {
  const temporary_directory directory;
  make_journal(directory / "j");
  std::ofstream{directory / "j" / "journal.mdb", std::ios::binary} << std::string(32'768, 'x');
  CHECK(opening_fails(directory / "j") == errc::corrupt_journal);

  std::filesystem::create_directory(directory / "k");
  std::filesystem::permissions(directory / "k", perms::owner_all);
  {
    auto env = must(detail::lmdb_env::open(
        {.file = directory / "k" / "journal.mdb", .map_bytes = std::size_t{1} << 20}));
    detail::transaction txn;
    REQUIRE(txn.begin(env, 0) == 0);
    MDB_dbi other = 0;
    REQUIRE(mdb_dbi_open(txn.get(), "other", MDB_CREATE, &other) == 0);
    REQUIRE(txn.commit() == 0);
  }
  CHECK(opening_fails(directory / "k") == errc::incompatible_format);
}

TEST_CASE("a process opens a journal once, under whatever name") {
  const temporary_directory directory;
  make_journal(directory / "j");
  std::filesystem::create_directory_symlink(directory / "j", directory / "link");
  std::filesystem::create_directory(directory / "k");
  std::filesystem::permissions(directory / "k", perms::owner_all);
  std::filesystem::create_hard_link(directory / "j" / "journal.mdb",
                                    directory / "k" / "journal.mdb");
  const auto first = must(open_lmdb_journal({.directory = directory / "j"}));
  CHECK(opening_fails(directory / "j") == errc::already_open);
  CHECK(opening_fails(directory / "link") == errc::already_open);
  CHECK(opening_fails(directory / "k") == errc::already_open);
  CHECK(failure_of(open_lmdb_journal_for_reading({.directory = directory / "j"})).code()
        == errc::already_open);
  const auto a = stream("a");
  CHECK(events_of(*first, a).size() == 1); // the failed openings broke nothing
  must(first->close());
  CHECK(opening_fails(directory / "link") == errc{});
}

TEST_CASE("only one process writes a journal, and it is free again when that one is killed") {
  const temporary_directory directory;
  child_process owner{[&](int pipe) {
    auto opened = open_lmdb_journal({.directory = directory / "j"});
    say(pipe, opened ? "open" : opened.error().message());
    pause();
    return 0;
  }};
  REQUIRE(owner.read_line() == "open");
  CHECK(opening_fails(directory / "j") == errc::locked);
  const auto reading = must(open_lmdb_journal_for_reading({.directory = directory / "j"}));
  CHECK(reading->last_position() == 0_pos);
  must(reading->close());
  owner.kill();
  (void)owner.wait();
  CHECK(opening_fails(directory / "j") == errc{});
}

namespace {

/// What only a process that ignores the lock file could do: changes who owns the journal.
int take_over(const path& directory, int (*change)(MDB_txn* txn, const detail::databases& dbs)) {
  auto env = detail::lmdb_env::open(
      {.file = directory / "journal.mdb", .map_bytes = std::size_t{1} << 30});
  detail::transaction txn;
  detail::databases dbs;
  if (!env || txn.begin(*env, 0) != 0 || detail::open_databases(txn.get(), false, dbs) != 0)
    return 1;
  return change(txn.get(), dbs) == 0 && txn.commit() == 0 ? 0 : 2;
}

int usurp(MDB_txn* txn, const detail::databases& dbs) {
  return detail::write_owner_epoch(txn, dbs, 2);
}

int spoil_owner(MDB_txn* txn, const detail::databases& dbs) {
  std::uint64_t key = 0;
  std::memcpy(&key, "owner", 5);
  MDB_val lmdb_key{sizeof(key), &key}, value{sizeof(key), &key};
  return mdb_put(txn, dbs.meta, &lmdb_key, &value, 0);
}

} // namespace

TEST_CASE("a journal taken over before it closes says so, and so does one with a damaged owner") {
  for (const bool taken : {true, false}) {
    const temporary_directory directory;
    const auto a = stream("a");
    const auto journal = must(open_lmdb_journal({.directory = directory / "j"}));
    must(journal->append(a, expected_version::none(), notes(a, 1)));
    REQUIRE(in_child([&] { return take_over(directory / "j", taken ? usurp : spoil_owner); })
            == ending{0, 0});
    CHECK(failure_of(journal->close()).code() == (taken ? errc::not_owner : errc::journal_stopped));
    REQUIRE(journal->status().stopped_by.has_value());
    CHECK(journal->status().stopped_by->code()
          == (taken ? errc::not_owner : errc::corrupt_journal));
    CHECK(journal->status().stopped_by->message().find(taken ? "taken" : "owner epoch")
          != std::string::npos);
  }
}

TEST_CASE("a writer whose journal another process has taken over writes nothing any more, and says "
          "that it is not the owner") {
  const temporary_directory directory;
  const auto a = stream("a");
  const auto journal = must(open_lmdb_journal({.directory = directory / "j"}));
  must(journal->append(a, expected_version::none(), notes(a, 1)));
  REQUIRE(in_child([&] { return take_over(directory / "j", usurp); }) == ending{0, 0});
  for (const std::uint64_t number : {2, 3})
    CHECK(failure_of(journal->append(a, expected_version::any(), notes(a, number))).code()
          == errc::not_owner);
  CHECK(failure_of(journal->append(a, expected_version::any(), event_batch{})).code()
        == errc::not_owner); // a barrier
  const schema_declaration used{.owner = "test", .events = {capnp::Schema::from<Noted>()}};
  CHECK(failure_of(journal->declare_schemas(used)).code() == errc::not_owner);
  REQUIRE(journal->status().stopped_by.has_value());
  CHECK(journal->status().stopped_by->code() == errc::not_owner);
  CHECK(all_events(*journal).size() == 1);
  must(journal->reopen()); // as the other has let go of it
  CHECK(journal->status().epoch == 3);
  CHECK_FALSE(journal->status().stopped_by);
  must(journal->append(a, expected_version::exact(1_ver), notes(a, 2)));
  CHECK(all_events(*journal).size() == 2);
}

TEST_CASE("a journal inherited through fork is unusable in the child and whole in the parent") {
  const temporary_directory directory;
  const auto a = stream("a");
  auto journal = must(open_lmdb_journal({.directory = directory / "j"}));
  must(journal->append(a, expected_version::none(), notes(a, 1)));
  const auto all_refused = [&] {
    const auto nothing = [](const event_view&) { return visit_result::proceed; };
    const auto refused = [](const auto& outcome) {
      return !outcome && outcome.error().code() == errc::already_open;
    };
    const bool ok = refused(journal->append(a, expected_version::any(), notes(a, 2)))
                    && refused(journal->head(a))
                    && refused(journal->replay(a, 1_ver, 9_ver, nothing))
                    && refused(journal->replay_all(1_pos, nothing))
                    && refused(journal->load_snapshot(a, [](const snapshot_view&) {}))
                    && refused(journal->close());
    journal->submit_snapshot(tally(a, {1_ver, 1_pos}, 1));
    journal.reset();
    return ok ? 0 : 1;
  };
  CHECK(in_child(all_refused) == ending{0, 0});
  must(journal->append(a, expected_version::exact(1_ver), notes(a, 2)));
  CHECK(events_of(*journal, a).size() == 2);
}

TEST_CASE("network file systems are refused, FUSE unless it is allowed") {
  using detail::file_system_objection;
  for (const long magic : {0x6969L, 0x517bL, 0xff534d42L, 0xfe534d42L, 0x01021997L, 0x00c36400L})
    CHECK(file_system_objection(magic, true).has_value());
  CHECK(file_system_objection(0x65735546, false) == "FUSE");
  CHECK(file_system_objection(0x65735546, true) == std::nullopt);
  for (const long magic : {0xef53L, 0x58465342L, 0x9123683eL, 0x01021994L, 0x794c7630L})
    CHECK(file_system_objection(magic, false) == std::nullopt); // ext4, XFS, Btrfs, tmpfs, overlay
}

TEST_CASE("no descriptor of a journal survives an exec") {
  const temporary_directory directory;
  make_journal(directory / "j");
  const auto journal = must(open_lmdb_journal({.directory = directory / "j"}));
  (void)all_events(*journal);
  std::size_t found = 0;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(entry.path(), gone).string();
    if (target.rfind((directory / "j").string(), 0) != 0)
      continue;
    ++found;
    const int flags = fcntl(std::stoi(entry.path().filename()), F_GETFD);
    CHECK_MESSAGE((flags & FD_CLOEXEC) != 0, target);
  }
  CHECK(found >= 3);
}

TEST_CASE("the environment syncs every commit and maps nothing writable") {
  const temporary_directory directory;
  auto env = must(
      detail::lmdb_env::open({.file = directory / "x.mdb", .map_bytes = std::size_t{1} << 20}));
  unsigned flags = 0;
  mdb_env_get_flags(env.get(), &flags);
  CHECK((flags & (MDB_NOSYNC | MDB_NOMETASYNC | MDB_WRITEMAP | MDB_MAPASYNC | MDB_NOLOCK)) == 0);
}

TEST_CASE("the reader slot of a killed process is freed") {
  const temporary_directory directory;
  make_journal(directory / "j");
  auto env = must(detail::lmdb_env::open(
      {.file = directory / "j" / "journal.mdb", .map_bytes = std::size_t{1} << 30}));
  child_process reader{[&](int pipe) {
    auto opened = open_lmdb_journal_for_reading({.directory = directory / "j"});
    if (!opened)
      return 1;
    (void)(*opened)->replay_all(1_pos, [&](const event_view&) {
      say(pipe, "reading");
      pause();
      return visit_result::proceed;
    });
    return 2;
  }};
  REQUIRE(reader.read_line() == "reading");
  CHECK(env.check_readers() == 0);
  reader.kill();
  (void)reader.wait();
  CHECK(env.check_readers() == 1);
  CHECK(env.check_readers() == 0);
}

TEST_CASE("when all readers are in use the next one waits for its turn") {
  const temporary_directory directory;
  make_journal(directory / "j", 2);
  const auto journal = must(open_lmdb_journal({.directory = directory / "j", .max_readers = 2}));
  std::mutex mutex;
  std::condition_variable changed;
  int inside = 0;
  bool release = false;
  const auto wait_inside = [&](const event_view&) {
    std::unique_lock lock{mutex};
    ++inside;
    changed.notify_all();
    changed.wait(lock, [&] { return release; });
    return visit_result::stop;
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i)
    readers.emplace_back([&] { must(journal->replay_all(1_pos, wait_inside)); });
  {
    std::unique_lock lock{mutex};
    changed.wait(lock, [&] { return inside == 2; });
  }
  std::size_t third = 0;
  readers.emplace_back([&] { third = all_events(*journal).size(); });
  {
    const std::lock_guard lock{mutex};
    release = true;
    changed.notify_all();
  }
  for (std::thread& reader : readers)
    reader.join();
  CHECK(third == 2);
}

TEST_CASE("a slow visitor does not keep the pages that appends give back from being used again") {
  constexpr int commits = 40;
  const auto a = stream("a"), b = stream("b");
  for (const bool whole_log : {true, false}) {
    const temporary_directory directory;
    make_journal(directory / "j", 3);
    const auto journal = must(open_lmdb_journal({.directory = directory / "j"}));
    const auto growth_of = [&](int count) {
      const auto before = std::filesystem::file_size(directory / "j" / "journal.mdb");
      for (int i = 0; i < count; ++i)
        must(journal->append(b, expected_version::any(), notes(b, 1)));
      return std::filesystem::file_size(directory / "j" / "journal.mdb") - before;
    };
    std::uintmax_t in_view = 0, renewed = 0;
    const auto slow = [&](const event_view& event) {
      CHECK(number_in(event) == event.version().number());
      if (event.version() == 1_ver) {
        in_view = growth_of(commits);
        while (journal->status().oldest_reader < std::chrono::milliseconds{60})
          (void)growth_of(1);
      } else if (event.version() == 2_ver) {
        renewed = growth_of(commits / 2); // of what was given back before
      }
      return event.version() < 3_ver ? visit_result::proceed
                                     : visit_result::stop; // the third is met in reused pages
    };
    CHECK((whole_log ? must(journal->replay_all(1_pos, slow)).number()
                     : must(journal->replay(a, 1_ver, to_the_end, slow)).number())
          == 3);
    CHECK(in_view > 0);
    CHECK(renewed < in_view / 4);
  }
}

TEST_CASE("the longest names are keys like any other, and padding mixes none up") {
  const temporary_directory directory;
  const auto options = small_options(directory / "j");
  std::vector<stream_id> streams;
  for (std::size_t size = 1; size <= max_aggregate_id_bytes; size += size < 20 ? 1 : 47)
    streams.push_back(stream(std::string(size, 'x')));
  streams.push_back(must(stream_id::make(std::string(max_aggregate_type_bytes, 't'),
                                         std::string(max_aggregate_id_bytes, 'i'))));
  {
    const auto journal = must(open_lmdb_journal(options));
    for (std::size_t i = 0; i < streams.size(); ++i)
      must(journal->append(streams[i], expected_version::none(), notes(streams[i], i, i + 1)));
  }
  const auto journal = must(open_lmdb_journal(options));
  for (std::size_t i = 0; i < streams.size(); ++i) {
    CHECK(must(journal->head(streams[i])).version == version{i + 1});
    CHECK(events_of(*journal, streams[i]).size() == i + 1);
  }
}

TEST_CASE("options outside their limits are refused") {
  const temporary_directory directory;
  const auto refused = [&](auto change) {
    lmdb_journal_options options{.directory = directory / "j"};
    change(options);
    CHECK(failure_of(open_lmdb_journal(options)).code() == errc::invalid_argument);
  };
  refused([](auto& options) { options.map_bytes = 4'096; });
  refused([](auto& options) { options.max_event_bytes = 0; });
  refused([](auto& options) { options.max_commit_events = 0; });
  refused([](auto& options) { options.flush_interval_events = 0; });
  refused([](auto& options) { options.max_readers = 0; });
  CHECK_FALSE(std::filesystem::exists(directory / "j"));
}
