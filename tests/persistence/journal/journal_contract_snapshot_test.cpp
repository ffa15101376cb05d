#include "journal_fixture.hpp"
#include "literals.hpp"

#include <array>
#include <stdexcept>

using namespace cairn;
using namespace cairn::test;

TEST_CASE("the newest snapshot of a stream is kept and comes back whole") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a");
    must(journal.append(a, expected_version::none(), notes(a, 1, 9)));
    CHECK(kept_tally(journal, a) == std::nullopt);
    const std::array recent{recent_command{{1, 2}, 4_ver, 5_pos},
                            recent_command{{3, 4}, 6_ver, 7_pos}};
    journal.submit_snapshot(
        snapshot_draft::encode(a, {6_ver, 6_pos}, 99, recent, [](capnp::AnyPointer::Builder state) {
          state.initAs<Tally>().setSum(21);
        }));
    barrier(journal, a);
    const bool found = must(journal.load_snapshot(a, [&](const snapshot_view& snapshot) {
      CHECK(snapshot.at == stream_head{6_ver, 6_pos});
      CHECK(snapshot.record.getStream() == a.name().c_str());
      CHECK(snapshot.record.getFingerprint() == 99);
      CHECK(snapshot.record.getState().getAs<Tally>().getSum() == 21);
      const auto commands = snapshot.record.getRecentCommands();
      REQUIRE(commands.size() == 2);
      CHECK(commands[0].getIdHigh() == 1);
      CHECK(commands[0].getIdLow() == 2);
      CHECK(commands[1].getVersion() == 6);
      CHECK(commands[1].getPosition() == 7);
    }));
    CHECK(found);
    journal.submit_snapshot(tally(a, {9_ver, 9_pos}, 45));
    barrier(journal, a);
    CHECK(kept_tally(journal, a) == 45);
  }
}

TEST_CASE("a snapshot older than the kept one is dropped, one of the same version replaces it") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a");
    must(journal.append(a, expected_version::none(), notes(a, 1, 9)));
    journal.submit_snapshot(tally(a, {5_ver, 5_pos}, 50));
    journal.submit_snapshot(tally(a, {4_ver, 4_pos}, 40));
    barrier(journal, a);
    CHECK(kept_tally(journal, a) == 50);
    journal.submit_snapshot(tally(a, {5_ver, 5_pos}, 51));
    barrier(journal, a);
    CHECK(kept_tally(journal, a) == 51);
  }
}

TEST_CASE("a snapshot of a version beyond the stream's head is dropped") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a");
    journal.submit_snapshot(tally(a, {1_ver, 1_pos}, 10));
    barrier(journal, a);
    CHECK(kept_tally(journal, a) == std::nullopt);
    must(journal.append(a, expected_version::none(), notes(a, 1, 3)));
    journal.submit_snapshot(tally(a, {4_ver, 4_pos}, 40));
    barrier(journal, a);
    CHECK(kept_tally(journal, a) == std::nullopt);
  }
}

TEST_CASE("snapshots of many streams and sizes do not mix") {
  FOR_EACH_JOURNAL(journal) {
    for (std::uint64_t i = 0; i < 300; ++i) {
      const auto id = stream(std::to_string(i));
      must(journal.append(id, expected_version::none(), notes(id, i)));
      journal.submit_snapshot(snapshot_draft::encode(
          id, must(journal.head(id)), 1, {},
          [&](capnp::AnyPointer::Builder state) { note(state, i, i * 37); }));
    }
    barrier(journal, stream("0"));
    barrier(journal, stream("0"));
    for (std::uint64_t i = 0; i < 300; ++i) {
      std::uint64_t number = 0;
      std::size_t bytes = 0;
      CHECK(must(journal.load_snapshot(stream(std::to_string(i)), [&](const snapshot_view& kept) {
        number = kept.record.getState().getAs<Noted>().getNumber();
        bytes = kept.record.getState().getAs<Noted>().getBlob().size();
      })));
      CHECK(number == i);
      CHECK(bytes == i * 37);
    }
  }
}

TEST_CASE("a snapshot that cannot be read as what it should be counts as damaged") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a");
    must(journal.append(a, expected_version::none(), notes(a, 1)));
    journal.submit_snapshot(tally(a, {1_ver, 1_pos}, 10));
    barrier(journal, a);
    CHECK_FALSE(must(journal.load_snapshot(a, [](const snapshot_view& snapshot) {
      (void)snapshot.record.getState().getAs<capnp::List<capnp::Text>>().size();
    })));
    CHECK(journal.status().damaged_snapshots == 1);
    const auto throwing = [](const snapshot_view&) { throw std::runtime_error{"mine"}; };
    CHECK_THROWS_WITH_AS((void)journal.load_snapshot(a, throwing), "mine", std::runtime_error);
    CHECK(journal.status().damaged_snapshots == 1);
  }
}
