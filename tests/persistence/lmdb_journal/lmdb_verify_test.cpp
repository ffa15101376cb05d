// Verification beside a process that writes.

#include "child_process.hpp"
#include "journal/journal_fixture.hpp"

#include <array>
#include <csignal>
#include <random>

using namespace cairn;
using namespace cairn::test;

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
