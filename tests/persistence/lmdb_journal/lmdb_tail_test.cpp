// Tails that no program of today writes, and damaged ones.

#include "journal/journal_fixture.hpp"
#include "literals.hpp"
#include "stored_values.hpp"

#include "records/record.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>

using namespace cairn;
using namespace cairn::test;

namespace {

event_batch tagged(const stream_id& stream, const std::vector<std::string_view>& tags) {
  event_batch batch;
  must(batch.add(stream, {.tags = tags}, capnp::typeId<Noted>(),
                 [](capnp::AnyPointer::Builder payload) { note(payload, 1); }));
  return batch;
}

result<std::vector<position>> positions_of(const journal& journal, std::string_view tag) {
  std::vector<position> positions;
  auto read = journal.replay_tag(tag, 1_pos, [&](const event_view& event) {
    positions.push_back(event.position());
    return visit_result::proceed;
  });
  if (!read)
    return std::move(read).error();
  return positions;
}

/// Flips a bit of `text` wherever it stands in the journal's file, which others may have open.
void flip_wherever(const std::filesystem::path& directory, std::string_view text) {
  std::fstream file{directory / "journal.mdb", std::ios::binary | std::ios::in | std::ios::out};
  const std::string bytes{std::istreambuf_iterator<char>{file}, {}};
  std::size_t found = 0;
  for (auto at = bytes.find(text); at != bytes.npos; at = bytes.find(text, at + 1), ++found) {
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(text.front() ^ 1));
  }
  REQUIRE(found > 0);
  REQUIRE(static_cast<bool>(file.flush()));
}

} // namespace

TEST_CASE("a record that has a tag twice, as older versions wrote it, is found once by it") {
  const temporary_directory directory;
  const auto journal = must(open_lmdb_journal({.directory = directory / "j"}));
  const auto a = stream("a");
  must(journal->append(a, expected_version::any(), tagged(a, {"red", "rex"})));
  const auto options = lmdb_journal_options{crashed_copy(directory / "j", directory / "copy")};
  const std::uint64_t first = 1;
  alter(options.directory, database::log, detail::key_bytes(first), [&](byte_vector& bytes) {
    constexpr std::string_view other = "rex";
    const auto tag = std::search(bytes.begin(), bytes.end(), other.begin(), other.end());
    REQUIRE(tag != bytes.end());
    std::copy_n("red", other.size(), tag);
    detail::seal_value(detail::key_bytes(first), bytes.data(), bytes.size());
  });
  const std::vector once{1_pos};
  CHECK(must(positions_of(*must(open_lmdb_journal_for_reading(options)), "red")) == once);
  must(verify_lmdb_journal(options));
  CHECK(must(positions_of(*must(open_lmdb_journal(options)), "red")) == once);
  CHECK(must(verify_lmdb_journal(options)).tagged_events == 1);
  CHECK(must(positions_of(*must(open_lmdb_journal_for_reading(options)), "red")) == once);
}

TEST_CASE("a reader that meets a damaged tail again and again gathers nothing twice") {
  const temporary_directory directory;
  const auto journal = must(open_lmdb_journal({.directory = directory / "j"}));
  const auto a = stream("a");
  for (const std::string_view other : {"one", "two", "a tag to be damaged"})
    must(journal->append(a, expected_version::any(), tagged(a, {"red", other})));
  const auto copy = crashed_copy(directory / "j", directory / "copy");
  flip_wherever(copy, "a tag to be damaged");
  const auto reading = must(open_lmdb_journal_for_reading({.directory = copy}));
  for (int time = 0; time < 3; ++time) {
    const error damage = failure_of(positions_of(*reading, "red"));
    CHECK(damage.code() == errc::corrupt_record);
    CHECK(damage.position() == 3_pos);
  }
  flip_wherever(copy, "` tag to be damaged"); // back again
  CHECK(must(positions_of(*reading, "red")) == std::vector{1_pos, 2_pos, 3_pos});
}
