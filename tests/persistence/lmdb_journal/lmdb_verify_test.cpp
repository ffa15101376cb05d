// Verification beside a process that writes.

#include "child_process.hpp"
#include "journal/journal_fixture.hpp"
#include "literals.hpp"
#include "lmdb_rows/journal_meta.hpp"

#include <array>
#include <csignal>
#include <random>

using namespace cairn;
using namespace cairn::test;

namespace {

/// Writes into the file of a closed journal, behind the journal's back.
void write_behind(const std::filesystem::path& directory,
                  function_ref<int(MDB_txn*, const detail::databases&)> write) {
  auto env = must(detail::lmdb_env::open(
      {.file = directory / "journal.mdb", .map_bytes = small_options(directory).map_bytes}));
  detail::transaction txn;
  detail::databases dbs;
  REQUIRE(txn.begin(env, 0) == 0);
  REQUIRE(detail::open_databases(txn.get(), false, dbs) == 0);
  REQUIRE(write(txn.get(), dbs) == 0);
  REQUIRE(txn.commit() == 0);
}

/// That opening, reading beside a writer and verifying all call it damaged.
void check_damaged(const lmdb_journal_options& options) {
  CHECK(failure_of(verify_lmdb_journal(options)).code() == errc::corrupt_journal);
  CHECK(failure_of(open_lmdb_journal(options)).code() == errc::corrupt_journal);
  const auto reading = must(open_lmdb_journal_for_reading(options));
  const auto nothing = [](const event_view&) { return visit_result::proceed; };
  CHECK(failure_of(reading->replay_tag("red", 1_pos, nothing)).code() == errc::corrupt_journal);
}

} // namespace

TEST_CASE("a log that ends with a record of another shard is damaged, not empty") {
  const temporary_directory directory;
  const auto options = small_options(directory / "j");
  must(must(open_lmdb_journal(options))
           ->append(stream("a"), expected_version::none(), notes(stream("a"), 1, 3)));
  write_behind(options.directory, [](MDB_txn* txn, const detail::databases& dbs) {
    position elsewhere{3, shard_id{1}};
    std::uint64_t word = 0;
    MDB_val key{sizeof(elsewhere), &elsewhere}, value{sizeof(word), &word};
    return mdb_put(txn, dbs.log, &key, &value, MDB_APPEND);
  });
  check_damaged(options);
  const auto reading = must(open_lmdb_journal_for_reading(options));
  CHECK(failure_of(
            reading->replay_all(1_pos, [](const event_view&) { return visit_result::proceed; }))
            .code()
        == errc::corrupt_journal);
  CHECK(reading->last_position() == 0_pos);
}

TEST_CASE("a checkpoint where no event can be is damage, and is not counted with") {
  for (const auto where :
       {position::max(), position{1, shard_id{1}}, position::max(shard_id{65'535})}) {
    CAPTURE(where);
    const temporary_directory directory;
    const auto options = small_options(directory / "j");
    must(must(open_lmdb_journal(options))
             ->append(stream("a"), expected_version::none(), notes(stream("a"), 1, 3)));
    write_behind(options.directory, [&](MDB_txn* txn, const detail::databases& dbs) {
      return detail::write_checkpoints(txn, dbs, where);
    });
    check_damaged(options);
  }
}

TEST_CASE("verifying beside a process that writes finds nothing wrong") {
  const temporary_directory directory;
  const auto options = small_options(directory / "j");
  must(must(open_lmdb_journal(options))->close());
  child_process writer{[&](int pipe) {
    auto opened = open_lmdb_journal(options);
    if (!opened)
      return 1;
    for (std::uint64_t i = 0;; ++i) {
      const auto id = stream(std::to_string(i * i % 29));
      if (!(*opened)->append(id, expected_version::any(), notes(id, i, 1 + i % 3, i % 9 * 700)))
        return 2;
      if (i == 0)
        say(pipe, "writing");
    }
  }};
  REQUIRE(writer.read_line() == "writing");
  std::uint64_t events = 0;
  for (int round = 0; round < 100'000 && events < 300; ++round) {
    const auto seen = must(verify_lmdb_journal(options));
    CHECK(seen.events >= events);
    events = seen.events;
  }
  CHECK(events >= 300);
  writer.kill();
  CHECK(writer.wait().signal == SIGKILL);
}

TEST_CASE("verifying beside a process in which reservations move finds nothing wrong") {
  const temporary_directory directory;
  auto options = small_options(directory / "j");
  options.flush_interval_events = 4;
  must(must(open_lmdb_journal(options))->close());
  child_process writer{[&](int pipe) {
    auto opened = open_lmdb_journal(options);
    if (!opened)
      return 1;
    std::mt19937 random{7};
    for (std::uint64_t i = 0;; ++i) {
      const std::string number = std::to_string(random() % 7);
      const auto id = stream(number);
      const std::array reservations{reservation{"key " + number, random() % 2 == 0},
                                    reservation{"also " + number, random() % 3 == 0}};
      const std::array<std::string_view, 2> tags{number, "red"};
      event_batch batch;
      must(batch.add(id, {.tags = tags, .reservations = reservations}, capnp::typeId<Noted>(),
                     [&](capnp::AnyPointer::Builder payload) { note(payload, i); }));
      if (!(*opened)->append(id, expected_version::any(), std::move(batch)))
        return 2;
      if (i == 200) // reading the log takes a while from now on
        say(pipe, "writing");
    }
  }};
  REQUIRE(writer.read_line() == "writing");
  std::uint64_t events = 0;
  for (int round = 0; round < 100; ++round) {
    const auto seen = must(verify_lmdb_journal(options));
    CHECK(seen.events >= events);
    CHECK(seen.reservations <= 14);
    events = seen.events;
  }
  writer.kill();
  CHECK(writer.wait().signal == SIGKILL);
}
