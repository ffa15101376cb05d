// Events by tag: the index trails the log, and nobody notices.

#include "journal_fixture.hpp"
#include "literals.hpp"
#include "lmdb_journal/lmdb_store.hpp"

#include <array>
#include <filesystem>
#include <map>
#include <random>

using namespace cairn;
using namespace cairn::test;

namespace {

using tags_view = std::vector<std::string_view>;

void add_tagged(event_batch& batch, const stream_id& stream, std::uint64_t number,
                const tags_view& tags) {
  must(batch.add(stream, {.tags = tags}, capnp::typeId<Noted>(),
                 [&](capnp::AnyPointer::Builder payload) { note(payload, number); }));
}

event_batch tagged(const stream_id& stream, std::uint64_t number, const tags_view& tags) {
  event_batch batch;
  add_tagged(batch, stream, number, tags);
  return batch;
}

std::vector<position> positions_of(const journal& journal, std::string_view tag,
                                   position from = 1_pos) {
  std::vector<position> positions;
  const auto reached = must(journal.replay_tag(tag, from, [&](const event_view& event) {
    positions.push_back(event.position());
    return visit_result::proceed;
  }));
  CHECK(reached == std::max(journal.last_position(), from - 1));
  return positions;
}

/// What tags the events of a journal have, and where; found by reading the whole log.
std::map<std::string, std::vector<position>> tags_in_log(const journal& journal) {
  std::map<std::string, std::vector<position>> all;
  must(journal.replay_all(1_pos, [&](const event_view& event) {
    for (const auto tag : event.tags())
      all[tag.cStr()].push_back(event.position());
    return visit_result::proceed;
  }));
  return all;
}

void check_index(const journal& journal) {
  for (const auto& entry : tags_in_log(journal)) {
    const auto& tag = entry.first; // clang 14 lets no lambda, so no message, name a binding
    const auto& positions = entry.second;
    CHECK_MESSAGE(positions_of(journal, tag) == positions, tag);
    const auto from = positions[positions.size() / 2];
    CHECK(positions_of(journal, tag, from)
          == std::vector(positions.begin() + static_cast<std::ptrdiff_t>(positions.size() / 2),
                         positions.end()));
  }
  CHECK(positions_of(journal, "no such tag").empty());
}

/// Tags that are prefixes of one another, of whole words and not, and as long as may be.
const std::string longest(max_tag_bytes, 'x');
const std::array<std::string_view, 8> names{"a",           "aa",       "customer", "customer:7",
                                            "customer:70", "\xc3\xbc", "12345678", longest};

/// Appends events with random tags; some have none.
void append_randomly(journal& journal, std::size_t count, std::mt19937& random) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto id = stream(std::to_string(random() % 5));
    tags_view tags;
    for (const auto name : names)
      if (random() % 4 == 0)
        tags.push_back(name);
    must(journal.append(id, expected_version::any(), tagged(id, i, tags)));
  }
}

} // namespace

TEST_CASE("events are found by tag, in the order of positions, from any position on") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a"), b = stream("b");
    must(journal.append(a, expected_version::any(), tagged(a, 1, {"red", "big"})));
    must(journal.append(b, expected_version::any(), notes(b, 2, 3)));
    must(journal.append(b, expected_version::any(), tagged(b, 5, {"red"})));
    CHECK(positions_of(journal, "red") == std::vector{1_pos, 5_pos});
    CHECK(positions_of(journal, "red", 2_pos) == std::vector{5_pos});
    CHECK(positions_of(journal, "red", 6_pos).empty());
    CHECK(positions_of(journal, "red", 60_pos).empty());
    CHECK(positions_of(journal, "big") == std::vector{1_pos});
    CHECK(positions_of(journal, "bi").empty());
    CHECK(
        must(journal.replay_tag("red", 1_pos, [](const event_view&) { return visit_result::stop; }))
        == 1_pos);
    CHECK(
        must(journal.replay_tag("red", 2_pos, [](const event_view&) { return visit_result::stop; }))
        == 5_pos);
  }
}

TEST_CASE("a tag that an event is given twice counts once") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a");
    must(journal.append(a, expected_version::any(), tagged(a, 1, {"red", "big", "red", "red"})));
    CHECK(positions_of(journal, "red") == std::vector{1_pos});
    CHECK(positions_of(journal, "big") == std::vector{1_pos});
    CHECK(tags_in_log(journal).at("red").size() == 1);
  }
}

TEST_CASE("what is no tag is refused, wherever it is given") {
  const auto a = stream("a");
  FOR_EACH_JOURNAL(journal) {
    for (const std::string& text : {std::string{}, std::string(129, 'x'), std::string{"a\nb"},
                                    std::string{"\xff"}, std::string{"a\0b", 3}}) {
      const auto visitor = [](const event_view&) { return visit_result::proceed; };
      CHECK(failure_of(journal.replay_tag(text, 1_pos, visitor)).code() == errc::invalid_argument);
      event_batch batch;
      const std::array<std::string_view, 1> tags{text};
      CHECK(failure_of(batch.add(a, {.tags = tags}, 1, [](capnp::AnyPointer::Builder) {})).code()
            == errc::invalid_argument);
      CHECK(batch.tags().empty());
    }
  }
  event_batch batch;
  const std::vector<std::string_view> many(max_tags + 1, "x");
  CHECK(failure_of(batch.add(a, {.tags = many}, 1, [](capnp::AnyPointer::Builder) {})).message()
        == "an event has 17 tags; the limit is 16");
}

TEST_CASE("a refused append leaves no tags behind") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a");
    CHECK(
        failure_of(journal.append(a, expected_version::exact(7_ver), tagged(a, 1, {"red"}))).code()
        == errc::version_conflict);
    CHECK(positions_of(journal, "red").empty());
    must(journal.append(a, expected_version::any(), notes(a, 1)));
    CHECK(positions_of(journal, "red").empty());
  }
}

TEST_CASE("a batch that is cut short loses the tags of what it loses") {
  const auto a = stream("a");
  event_batch batch = tagged(a, 1, {"red"});
  const std::array<std::string_view, 2> tags{"blue", "red"};
  must(batch.add(a, {.tags = tags}, 1, [](capnp::AnyPointer::Builder) {}));
  CHECK(batch.tags().size() == 3);
  batch.truncate(1);
  REQUIRE(batch.tags().size() == 1);
  CHECK(batch.tags()[0].tag == "red");
  CHECK(batch.tags()[0].record == 0);
  batch.clear();
  CHECK(batch.tags().empty());
}

TEST_CASE("the index equals the log whatever has been flushed, also for a reader and reopened") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random{seed};
  const temporary_directory directory;
  auto options = small_options(directory / "j");
  for (int opening = 0; opening < 4; ++opening) {
    {
      const auto journal = must(open_lmdb_journal(options));
      check_index(*journal);
      for (int round = 0; round < 12; ++round) {
        append_randomly(*journal, random() % 12, random);
        check_index(*journal);
      }
      // As a crash would leave it, wherever the flushing stands.
      const auto copy = small_options(crashed_copy(directory / "j", directory / "copy"));
      check_index(*must(open_lmdb_journal_for_reading(copy)));
      must(verify_lmdb_journal(copy));
      check_index(*must(open_lmdb_journal(copy)));
    }
    must(verify_lmdb_journal(options));
  }
}

TEST_CASE("a journal from before the index gets it when it is opened") {
  const temporary_directory directory;
  std::filesystem::create_directory(directory / "j");
  std::filesystem::permissions(directory / "j", std::filesystem::perms::owner_all);
  std::filesystem::copy_file(CAIRN_GOLDEN_JOURNAL, directory / "j" / "journal.mdb");
  std::filesystem::permissions(directory / "j" / "journal.mdb",
                               std::filesystem::perms::owner_read
                                   | std::filesystem::perms::owner_write);
  const lmdb_journal_options options{.directory = directory / "j"};
  CHECK(positions_of(*must(open_lmdb_journal_for_reading(options)), "urgent")
        == std::vector{2_pos});
  for (const std::uint64_t replayed : {9, 0}) { // the first closing has written the index
    const auto journal = must(open_lmdb_journal(options));
    CHECK(journal->status().replayed_at_open == replayed);
    CHECK(positions_of(*journal, "urgent") == std::vector{2_pos});
    CHECK(positions_of(*journal, "customer:7") == std::vector{2_pos});
  }
  CHECK(must(verify_lmdb_journal(options)).tagged_events == 2);
}

TEST_CASE("many events of one tag are read across slices, while others are appended") {
  const temporary_directory directory;
  const auto journal = must(open_lmdb_journal(small_options(directory / "j")));
  const auto a = stream("a");
  for (std::uint64_t first = 0; first < 3'000; first += 100) {
    event_batch batch;
    for (std::uint64_t i = first; i < first + 100; ++i)
      add_tagged(batch, a, i, {i % 3 == 0 ? "red" : "blue"});
    must(journal->append(a, expected_version::any(), std::move(batch)));
  }
  std::vector<std::uint64_t> seen;
  must(journal->replay_tag("red", 1_pos, [&](const event_view& event) {
    seen.push_back(number_in(event));
    if (seen.size() % 100 == 0)
      must(journal->append(a, expected_version::any(), tagged(a, 0, {"red"})));
    return visit_result::proceed;
  }));
  REQUIRE(seen.size() == 1'000); // those that were durable when it began
  for (std::uint64_t i = 0; i < seen.size(); ++i)
    CHECK(seen[i] == 3 * i);
}
