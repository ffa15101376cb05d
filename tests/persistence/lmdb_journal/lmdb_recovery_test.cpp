#include "child_process.hpp"
#include "journal/journal_fixture.hpp"
#include "literals.hpp"

#include <fstream>
#include <random>

#include <csignal>
#include <unistd.h>

using namespace cairn;
using namespace cairn::test;

namespace {

void check_same(const journal& left, const journal& right, const std::vector<stream_id>& streams) {
  CHECK(left.last_position() == right.last_position());
  CHECK(all_events(left) == all_events(right));
  for (const stream_id& id : streams) {
    CHECK(must(left.head(id)) == must(right.head(id)));
    CHECK(events_of(left, id) == events_of(right, id));
  }
}

} // namespace

TEST_CASE("a closed journal opens with everything in it and nothing to replay") {
  const temporary_directory directory;
  const auto a = stream("a"), b = stream("b");
  {
    const auto journal = must(open_lmdb_journal({.directory = directory / "j"}));
    must(journal->append(a, expected_version::none(), notes(a, 1, 3)));
    must(journal->append(b, expected_version::none(), notes(b, 4, 2)));
    journal->submit_snapshot(tally(a, {3_ver, 3_pos}, 6));
    CHECK(journal->status().unflushed_heads == 2);
    must(journal->close());
    CHECK(journal->status().unflushed_heads == 0);
  }
  const auto journal = must(open_lmdb_journal({.directory = directory / "j"}));
  CHECK(journal->status().replayed_at_open == 0);
  CHECK(journal->status().epoch == 2);
  CHECK(journal->last_position() == 5_pos);
  CHECK(must(journal->head(a)) == stream_head{3_ver, 3_pos});
  CHECK(must(journal->head(b)) == stream_head{2_ver, 5_pos});
  CHECK(kept_tally(*journal, a) == 6);
  CHECK(must(journal->append(a, expected_version::exact(3_ver), notes(a, 9)))
        == commit{6_pos, 4_ver, 1});
  CHECK(events_of(*journal, a).back() == seen_event{6_pos, 4_ver, 9});
}

TEST_CASE("a journal that was not closed opens with everything, wherever its flushing stood") {
  const temporary_directory directory;
  auto options = small_options(directory / "j");
  const auto journal = must(open_lmdb_journal(options));
  std::vector<stream_id> streams;
  for (int i = 0; i < 30; ++i)
    streams.push_back(stream(std::to_string(i)));
  std::mt19937 random{11};
  for (std::uint64_t i = 0; i < 120; ++i) {
    const auto& id = streams[random() % streams.size()];
    must(journal->append(id, expected_version::any(), notes(id, i, 1 + i % 2)));
    options.directory = crashed_copy(directory / "j", directory / "copy");
    const auto reopened = must(open_lmdb_journal(options));
    CHECK(reopened->status().replayed_at_open <= 2 * options.flush_interval_events);
    if (i % 10 == 9)
      check_same(*journal, *reopened, streams);
    else
      CHECK(must(reopened->head(id)) == must(journal->head(id)));
    must(reopened->append(id, expected_version::exact(must(journal->head(id)).version),
                          notes(id, 1'000)));
  }
}

TEST_CASE("a tail stays short however many rows trail each event") {
  const temporary_directory directory;
  auto options = small_options(directory / "j");
  options.max_commit_events = 256;
  options.flush_interval_events = 2'048;
  const auto journal = must(open_lmdb_journal(options));
  const auto a = stream("a");
  const std::vector<std::string> names{"0", "1", "2",  "3",  "4",  "5",  "6",  "7",
                                       "8", "9", "10", "11", "12", "13", "14", "15"};
  const std::vector<std::string_view> tags{names.begin(), names.end()};
  for (std::size_t events = 0; events < 5 * options.flush_interval_events;) {
    event_batch batch;
    for (std::size_t i = 0; i < options.max_commit_events; ++i)
      must(batch.add(a, {.tags = tags}, capnp::typeId<Noted>(),
                     [&](capnp::AnyPointer::Builder payload) { note(payload, i); }));
    must(journal->append(a, expected_version::any(), std::move(batch)));
    events += options.max_commit_events;
    if (events % 1'024 != 0)
      continue;
    options.directory = crashed_copy(directory / "j", directory / "copy");
    CHECK(must(open_lmdb_journal(options))->status().replayed_at_open
          <= 2 * options.flush_interval_events);
  }
}

TEST_CASE("heads are right although most of them have left the memory") {
  const temporary_directory directory;
  auto options = small_options(directory / "j");
  auto journal = must(open_lmdb_journal(options));
  std::vector<stream_id> streams;
  for (int i = 0; i < 300; ++i)
    streams.push_back(stream(std::to_string(i * 7919)));
  std::vector<version> versions(streams.size());
  std::mt19937 random{5};
  for (std::uint64_t i = 0; i < 1'500; ++i) {
    const std::size_t which = random() % streams.size();
    const auto& id = streams[which];
    must(journal->append(id, expected_version::exact(versions[which]), notes(id, i)));
    ++versions[which];
    const std::size_t other = random() % streams.size();
    CHECK(must(journal->head(streams[other])).version == versions[other]);
    if (i % 400 == 399) {
      must(journal->close());
      journal = must(open_lmdb_journal(options));
    }
  }
  for (std::size_t i = 0; i < streams.size(); ++i)
    CHECK(events_of(*journal, streams[i]).size() == versions[i].number());
}

TEST_CASE("every acknowledged append is there after the process was killed, and none in part") {
  const temporary_directory directory;
  const std::vector<stream_id> streams{stream("a"), stream("b"), stream("c")};
  std::vector<version> acknowledged(streams.size());
  std::mt19937 random{3};
  for (int round = 0; round < 15; ++round) {
    child_process writer{[&](int pipe) {
      auto opened = open_lmdb_journal(small_options(directory / "j"));
      if (!opened)
        return 1;
      for (std::uint64_t i = 0;; ++i) {
        const std::size_t which = i % streams.size();
        if (!(*opened)->append(streams[which], expected_version::any(),
                               notes(streams[which], i, 3)))
          return 2;
        say(pipe, std::to_string(which));
      }
    }};
    for (auto lines = 1 + random() % 40; lines > 0; --lines) {
      const std::string line = writer.read_line();
      REQUIRE(!line.empty());
      acknowledged[std::stoul(line)] += 3;
    }
    writer.kill();
    CHECK(writer.wait().signal == SIGKILL);
    for (std::string line; !(line = writer.read_line()).empty();)
      acknowledged[std::stoul(line)] += 3;
    const auto journal = must(open_lmdb_journal(small_options(directory / "j")));
    for (std::size_t i = 0; i < streams.size(); ++i) {
      const cairn::version version = must(journal->head(streams[i])).version;
      CHECK(version >= acknowledged[i]);
      CHECK(version.number() % 3 == 0);
      CHECK(events_of(*journal, streams[i]).size() == version.number());
      acknowledged[i] = version;
    }
  }
}

TEST_CASE("a process that reads sees what another has committed, flushed or not") {
  const temporary_directory directory;
  const auto options = small_options(directory / "j");
  const std::vector<stream_id> streams{stream("a"), stream("b"), stream("c")};
  must(must(open_lmdb_journal(options))->close());
  int go[2];
  REQUIRE(pipe(go) == 0);
  child_process writer{[&](int pipe) {
    auto opened = open_lmdb_journal(options);
    if (!opened)
      return 1;
    std::uint64_t i = 0;
    for (char c; read(go[0], &c, 1) == 1; ++i) {
      const auto& id = streams[i % 3];
      if (!(*opened)->append(id, expected_version::any(), notes(id, i, 1 + i % 4)))
        return 2;
      say(pipe, "done");
    }
    return 0;
  }};
  const auto reading = must(open_lmdb_journal_for_reading(options));
  std::vector<version> versions(3);
  for (std::uint64_t i = 0; i < 60; ++i) {
    REQUIRE(write(go[1], "x", 1) == 1);
    REQUIRE(writer.read_line() == "done");
    versions[i % 3] += 1 + i % 4;
    CHECK(must(reading->head(streams[i % 3])).version == versions[i % 3]);
    CHECK(events_of(*reading, streams[i % 3]).size() == versions[i % 3].number());
    CHECK(reading->last_position().number()
          == versions[0].number() + versions[1].number() + versions[2].number());
    CHECK(all_events(*reading).size() == reading->last_position().number());
  }
  CHECK(
      failure_of(reading->append(streams[0], expected_version::any(), notes(streams[0], 1))).code()
      == errc::journal_stopped);
  must(reading->close());
  CHECK(failure_of(reading->head(streams[0])).code() == errc::shut_down);
}
