// Trap 1 of LMDB: it has no checksums. What is damaged is reported, never returned as good data.

#include "child_process.hpp"
#include "journal/journal_fixture.hpp"
#include "literals.hpp"
#include "lmdb/page_format.hpp"
#include "lmdb_rows/head_table.hpp"
#include "lmdb_rows/journal_meta.hpp"
#include "lmdb_rows/tag_rows.hpp"
#include "stored_values.hpp"

#include <array>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

using namespace cairn;
using namespace cairn::test;

namespace {

std::array<std::byte, 8> meta_key(std::string_view name) {
  std::array<std::byte, 8> key{};
  std::memcpy(key.data(), name.data(), name.size());
  return key;
}

/// Flips one bit of byte `place`.
auto flip(std::size_t place, int bit = 3) {
  return [=](byte_vector& bytes) { bytes.at(place) ^= static_cast<unsigned char>(1 << bit); };
}

/// What a replay visits before it fails, and how it fails.
struct replay_outcome {
  std::vector<version> visited;
  error failure;
};

replay_outcome failing_replay(const journal& journal, const stream_id& id, version from = 1_ver,
                              version to = to_the_end) {
  std::vector<version> visited;
  auto outcome = journal.replay(id, from, to, [&](const event_view& event) {
    visited.push_back(event.version());
    return visit_result::proceed;
  });
  return {visited, failure_of(outcome)};
}

/// Two streams whose events alternate: a has the odd positions, b the even ones.
void make_journal(const std::filesystem::path& directory) {
  const auto journal = must(open_lmdb_journal(small_options(directory)));
  const auto a = stream("a"), b = stream("b");
  for (std::uint64_t i = 1; i <= 10; ++i) {
    must(journal->append(a, expected_version::any(), notes(a, i)));
    must(journal->append(b, expected_version::any(), notes(b, i)));
  }
  journal->submit_snapshot(tally(a, {10_ver, 19_pos}, 55));
  must(journal->close());
}

constexpr auto position_9 = 9_pos;
constexpr std::size_t event_header_bytes = sizeof(detail::event_header);

} // namespace

TEST_CASE("every single flipped bit of a record, and every other key, breaks its checksum") {
  const auto a = stream("a");
  const event_batch batch = notes(a, 7, 1, 40);
  const auto record = batch.record(0);
  std::vector<std::uint64_t> words(record.size());
  std::memcpy(words.data(), record.data(), record.size_bytes());
  const auto at = 42_pos;
  const auto intact = [&](position key) {
    return detail::is_intact(detail::key_bytes(key), words, detail::words_of<detail::event_header>);
  };
  detail::seal_value(detail::key_bytes(at), words.data(), record.size_bytes());
  CHECK(intact(at));
  std::size_t silent = 0;
  for (std::size_t bit = 0; bit < words.size() * 64; ++bit) {
    words[bit / 64] ^= std::uint64_t{1} << bit % 64;
    silent += intact(at);
    words[bit / 64] ^= std::uint64_t{1} << bit % 64;
  }
  for (auto other = 0_pos; other < 10'000_pos; ++other)
    silent += other != at && intact(other);
  CHECK(silent == 0);
  CHECK(intact(at));
}

TEST_CASE("a damaged record is reported with its position, after the events before it") {
  for (const std::size_t place : {0UL, 2UL, 8UL, 24UL, 32UL, event_header_bytes, 100UL}) {
    CAPTURE(place);
    const temporary_directory directory;
    make_journal(directory / "j");
    alter(directory / "j", database::log, detail::key_bytes(position_9), flip(place));
    const auto journal = must(open_lmdb_journal(small_options(directory / "j")));
    const auto a = stream("a"), b = stream("b");
    const replay_outcome of_a = failing_replay(*journal, a);
    CHECK(of_a.failure.code() == errc::corrupt_record);
    CHECK(of_a.failure.position() == 9_pos);
    CHECK(of_a.visited == std::vector{1_ver, 2_ver, 3_ver, 4_ver});
    CHECK(events_of(*journal, a, 1_ver, 4_ver).size() == 4);
    CHECK(events_of(*journal, a, 6_ver).size() == 5);
    CHECK(failing_replay(*journal, a, 5_ver, 5_ver).failure.position() == 9_pos);
    CHECK(events_of(*journal, b).size() == 10);
    const error in_log = failure_of(
        journal->replay_all(1_pos, [](const event_view&) { return visit_result::proceed; }));
    CHECK(in_log.code() == errc::corrupt_record);
    CHECK(in_log.position() == 9_pos);
    must(journal->append(a, expected_version::exact(10_ver), notes(a, 11)));
  }
}

TEST_CASE("a record whose back pointer is damaged hides what lies before it, and says so") {
  const temporary_directory directory;
  make_journal(directory / "j");
  alter(directory / "j", database::log, detail::key_bytes(position_9), flip(16, 1));
  const auto journal = must(open_lmdb_journal(small_options(directory / "j")));
  const replay_outcome outcome = failing_replay(*journal, stream("a"));
  CHECK(outcome.failure.code() == errc::corrupt_record);
  CHECK(outcome.failure.position() == 9_pos);
  CHECK(outcome.visited.empty());
}

TEST_CASE("a damaged record in a run of adjacent ones is reported after the events before it") {
  const temporary_directory directory;
  const auto a = stream("a");
  must(must(open_lmdb_journal(small_options(directory / "j")))
           ->append(a, expected_version::any(), notes(a, 1, 100)));
  for (const auto damaged : {1_pos, 37_pos, 52_pos, 99_pos, 100_pos}) {
    CAPTURE(damaged);
    alter(directory / "j", database::log, detail::key_bytes(damaged), flip(60));
    {
      const auto journal = must(open_lmdb_journal(small_options(directory / "j")));
      const replay_outcome outcome = failing_replay(*journal, a);
      CHECK(outcome.failure.code() == errc::corrupt_record);
      CHECK(outcome.failure.position() == damaged);
      CHECK(outcome.visited.size() == damaged.number() - 1);
    }
    alter(directory / "j", database::log, detail::key_bytes(damaged), flip(60));
  }
}

TEST_CASE("a whole record under the wrong position is damage") {
  const temporary_directory directory;
  make_journal(directory / "j");
  constexpr auto position_7 = 7_pos;
  byte_vector other;
  alter(directory / "j", database::log, detail::key_bytes(position_7),
        [&](byte_vector& bytes) { other = bytes; });
  alter(directory / "j", database::log, detail::key_bytes(position_9),
        [&](byte_vector& bytes) { bytes = other; });
  const auto journal = must(open_lmdb_journal(small_options(directory / "j")));
  CHECK(failing_replay(*journal, stream("a")).failure.position() == 9_pos);
}

TEST_CASE("a record of another size than was written is damage") {
  for (const std::size_t size : {1UL, 8UL, 39UL, 40UL, 48UL, 101UL, 5'000UL}) {
    CAPTURE(size);
    const temporary_directory directory;
    make_journal(directory / "j");
    alter(directory / "j", database::log, detail::key_bytes(position_9),
          [&](byte_vector& bytes) { bytes.resize(size); });
    const auto journal = must(open_lmdb_journal(small_options(directory / "j")));
    const error failure = failing_replay(*journal, stream("a")).failure;
    CHECK(failure.code() == errc::corrupt_record);
    CHECK(failure.position() == 9_pos);
  }
}

TEST_CASE("a record that is missing breaks its stream and the log") {
  const temporary_directory directory;
  make_journal(directory / "j");
  alter(directory / "j", database::log, detail::key_bytes(position_9),
        [](byte_vector& bytes) { bytes.clear(); });
  CHECK(failure_of(open_lmdb_journal(small_options(directory / "j"))).code()
        == errc::corrupt_journal);
}

TEST_CASE("a damaged record in the unflushed tail keeps the journal from opening") {
  const temporary_directory directory;
  auto options = small_options(directory / "j");
  options.flush_interval_events = 1'000;
  const auto a = stream("a");
  std::filesystem::create_directory(directory / "copy");
  std::filesystem::permissions(directory / "copy", std::filesystem::perms::owner_all);
  {
    const auto journal = must(open_lmdb_journal(options));
    must(journal->append(a, expected_version::any(), notes(a, 1, 20)));
    std::filesystem::copy_file(directory / "j" / "journal.mdb", directory / "copy" / "journal.mdb");
  }
  alter(directory / "copy", database::log, detail::key_bytes(position_9), flip(70));
  options.directory = directory / "copy";
  const error refused = failure_of(open_lmdb_journal(options));
  CHECK(refused.code() == errc::corrupt_record);
  CHECK(refused.position() == 9_pos);
}

TEST_CASE("a damaged head is an error for its stream and for no other") {
  const auto a = stream("a"), b = stream("b");
  for (std::size_t place = 0; place < sizeof(detail::head_record); ++place) {
    CAPTURE(place);
    const temporary_directory directory;
    make_journal(directory / "j");
    alter(directory / "j", database::heads, detail::stream_key{a.name()}.bytes(), flip(place));
    const auto journal = must(open_lmdb_journal(small_options(directory / "j")));
    CHECK(failure_of(journal->head(a)).code() == errc::corrupt_journal);
    CHECK(failing_replay(*journal, a).failure.code() == errc::corrupt_journal);
    CHECK(failure_of(journal->append(a, expected_version::any(), notes(a, 1))).code()
          == errc::corrupt_record);
    CHECK(events_of(*journal, b).size() == 10);
    must(journal->append(b, expected_version::exact(10_ver), notes(b, 11)));
  }
}

TEST_CASE("a damaged snapshot is ignored, counted, and replaced by the next") {
  const auto a = stream("a");
  for (const std::size_t place : {0UL, 9UL, 17UL, sizeof(detail::head_record), 60UL}) {
    CAPTURE(place);
    const temporary_directory directory;
    make_journal(directory / "j");
    alter(directory / "j", database::snapshots, detail::stream_key{a.name()}.bytes(), flip(place));
    const auto journal = must(open_lmdb_journal(small_options(directory / "j")));
    CHECK(kept_tally(*journal, a) == std::nullopt);
    CHECK(journal->status().damaged_snapshots == 1);
    journal->submit_snapshot(tally(a, {9_ver, 17_pos}, 45));
    barrier(*journal, a);
    CHECK(kept_tally(*journal, a) == 45);
    CHECK(journal->status().damaged_snapshots == 1);
  }
}

TEST_CASE("a journal whose own records are damaged does not open") {
  for (const std::string_view name : {"format", "owner", "heads"})
    for (const std::size_t place : {0UL, 5UL, 8UL}) {
      CAPTURE(name);
      CAPTURE(place);
      const temporary_directory directory;
      make_journal(directory / "j");
      alter(directory / "j", database::meta, meta_key(name), flip(place));
      CHECK(failure_of(open_lmdb_journal(small_options(directory / "j"))).code()
            == errc::corrupt_journal);
    }
}

TEST_CASE("a journal of a later format is refused") {
  const temporary_directory directory;
  make_journal(directory / "j");
  alter(directory / "j", database::meta, meta_key("format"), [](byte_vector& bytes) {
    bytes[16] = 2;
    detail::seal_value(meta_key("format"), bytes.data(), bytes.size());
  });
  CHECK(failure_of(open_lmdb_journal(small_options(directory / "j"))).code()
        == errc::incompatible_format);
}

TEST_CASE("verifying reads everything and finds nothing wrong with a sound journal") {
  const temporary_directory directory;
  make_journal(directory / "j");
  const auto sound = must(verify_lmdb_journal(small_options(directory / "j")));
  CHECK(sound.events == 20);
  CHECK(sound.streams == 2);
  CHECK(sound.snapshots == 1);
  CHECK(sound.damaged_snapshots == 0);
}

TEST_CASE("verifying finds damage that no replay would meet") {
  const auto a = stream("a");
  const detail::stream_key key{a.name()};
  const auto verdict = [&](database where, std::span<const std::byte> row, auto change) {
    const temporary_directory directory;
    make_journal(directory / "j");
    alter(directory / "j", where, row, change);
    return verify_lmdb_journal(small_options(directory / "j"));
  };
  const auto remove = [](byte_vector& bytes) { bytes.clear(); };
  const auto lag = [&](byte_vector& bytes) { // a sound row of an older head
    bytes[8] = 9;
    bytes[16] = 17;
    detail::seal_value(key.bytes(), bytes.data(), bytes.size());
  };
  CHECK(failure_of(verdict(database::log, detail::key_bytes(position_9), flip(80))).position()
        == 9_pos);
  CHECK(failure_of(verdict(database::heads, key.bytes(), flip(9))).code() == errc::corrupt_journal);
  CHECK(failure_of(verdict(database::heads, key.bytes(), remove)).code() == errc::corrupt_journal);
  CHECK(failure_of(verdict(database::heads, key.bytes(), lag)).code() == errc::corrupt_journal);
  CHECK(must(verdict(database::snapshots, key.bytes(), flip(30))).damaged_snapshots == 1);
}

TEST_CASE("a journal that was not closed verifies, whatever its heads lack") {
  const temporary_directory directory;
  auto options = small_options(directory / "j");
  const auto journal = must(open_lmdb_journal(options));
  std::filesystem::create_directory(directory / "copy");
  std::filesystem::permissions(directory / "copy", std::filesystem::perms::owner_all);
  options.directory = directory / "copy";
  for (std::uint64_t i = 0; i < 60; ++i) {
    const auto id = stream(std::to_string(i * i % 13));
    must(journal->append(id, expected_version::any(), notes(id, i)));
    std::filesystem::copy_file(directory / "j" / "journal.mdb", directory / "copy" / "journal.mdb",
                               std::filesystem::copy_options::overwrite_existing);
    CHECK(must(verify_lmdb_journal(options)).events == i + 1);
  }
}

// Found by crash-bit-flips: what no checksum covers.

namespace {

/// The journal's file, to be changed behind LMDB's back too.
std::string read_file(const std::filesystem::path& directory) {
  std::ifstream file{directory / "journal.mdb", std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

void write_file(const std::filesystem::path& directory, const std::string& bytes) {
  std::ofstream file{directory / "journal.mdb", std::ios::binary};
  REQUIRE(static_cast<bool>(file << bytes << std::flush));
}

constexpr std::size_t page_bytes = 4096;

} // namespace

TEST_CASE("a flipped bit in a root page does not silently bring back an earlier state") {
  const temporary_directory directory;
  make_journal(directory / "j");
  const std::string sound = read_file(directory / "j");
  constexpr std::size_t transaction = sizeof(detail::page_format::page_header)
                                      + offsetof(detail::page_format::meta_record, transaction);
  for (const std::size_t page : {0, 1})
    for (std::size_t bit = 0; bit < 64; ++bit) {
      CAPTURE(page);
      CAPTURE(bit);
      std::string damaged = sound;
      auto& byte = damaged[page * page_bytes + transaction + bit / 8];
      byte = static_cast<char>(byte ^ 1 << bit % 8);
      write_file(directory / "j", damaged);
      const auto verified = verify_lmdb_journal(small_options(directory / "j"));
      CHECK((!verified || verified->unfinished_commit));
    }
}

TEST_CASE("verifying finds pages whose structure is damaged, whether or not a row is lost by it") {
  const temporary_directory directory;
  make_journal(directory / "j");
  const std::string sound = read_file(directory / "j");
  std::size_t pages_in_use = 0;
  for (std::size_t page = 2; page < sound.size() / page_bytes; ++page) {
    const auto damage_at = [&](std::size_t place, int bit) {
      std::string damaged = sound;
      auto& byte = damaged[page * page_bytes + place];
      byte = static_cast<char>(byte ^ 1 << bit);
      write_file(directory / "j", damaged);
      return !verify_lmdb_journal(small_options(directory / "j")).has_value();
    };
    const bool in_use = damage_at(0, 0); // its number
    pages_in_use += in_use ? 1 : 0;
    for (const std::size_t place : {8, 10, 12, 14, 16}) {
      CAPTURE(page);
      CAPTURE(place);
      CHECK(damage_at(place, 1) == (in_use && place != 8)); // byte 8 means nothing
    }
  }
  CHECK(pages_in_use >= 5);
  write_file(directory / "j", sound);
  CHECK_FALSE(must(verify_lmdb_journal(small_options(directory / "j"))).unfinished_commit);
}

TEST_CASE("a root page that is none keeps a journal from being opened") {
  const temporary_directory directory;
  make_journal(directory / "j");
  const std::string sound = read_file(directory / "j");
  for (const std::size_t place : {0, 10, 16, 20, 40, 41, 44}) {
    std::string damaged = sound;
    damaged[place] = static_cast<char>(damaged[place] ^ 1);
    write_file(directory / "j", damaged);
    CAPTURE(place);
    CHECK(failure_of(open_lmdb_journal(small_options(directory / "j"))).code()
          == errc::corrupt_journal);
  }
}

/// Flips a bit in the last letter of a database's name, wherever a page has it as a key.
void misname(const std::filesystem::path& directory, std::string_view name) {
  std::fstream file{directory / "journal.mdb", std::ios::in | std::ios::out | std::ios::binary};
  std::string bytes{std::istreambuf_iterator<char>{file}, {}};
  std::size_t found = 0;
  for (auto at = bytes.find(name); at != std::string::npos; at = bytes.find(name, at + 1)) {
    std::uint16_t key_bytes = 0; // of the node's header, just before its key
    std::memcpy(&key_bytes, bytes.data() + at - sizeof(key_bytes), sizeof(key_bytes));
    if (key_bytes != name.size())
      continue;
    bytes[at + name.size() - 1] ^= 0x40;
    ++found;
  }
  REQUIRE(found > 0);
  file.clear();
  file.seekp(0);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

TEST_CASE("a database whose name is damaged is not taken for one that was never there") {
  for (const std::string_view name : {"schemas", "tags", "reservations"}) {
    CAPTURE(name);
    const temporary_directory directory;
    make_journal(directory / "journal");
    misname(directory / "journal", name);
    const auto options = small_options(directory / "journal");
    CHECK(failure_of(open_lmdb_journal(options)).code() == errc::corrupt_journal);
    CHECK(failure_of(open_lmdb_journal_for_reading(options)).code() == errc::corrupt_journal);
    CHECK(failure_of(verify_lmdb_journal(options)).code() == errc::corrupt_journal);
  }
}

TEST_CASE("damaged schemas are reported, and never taken for other ones") {
  const std::uint64_t first = 1;
  for (const std::size_t place : {0UL, 4UL, 8UL, 40UL, 200UL}) {
    CAPTURE(place);
    const temporary_directory directory;
    const auto options = small_options(directory / "j");
    const schema_declaration used{.owner = "test", .events = {capnp::Schema::from<Noted>()}};
    must(must(open_lmdb_journal(options))->declare_schemas(used));
    alter(directory / "j", database::schemas, detail::key_bytes(first), flip(place));
    {
      const auto journal = must(open_lmdb_journal(options));
      CHECK(failure_of(journal->declare_schemas(used)).code() == errc::corrupt_journal);
      CHECK(failure_of(journal->visit_schemas([](const schema_generation&) {})).code()
            == errc::corrupt_journal);
    }
    CHECK(failure_of(verify_lmdb_journal(options)).code() == errc::corrupt_journal);
  }
}

namespace {

/// Three events: the first and the last have the tag `red`, the second holds the key `k`.
void make_indexed_journal(const lmdb_journal_options& options) {
  const auto journal = must(open_lmdb_journal(options));
  const std::array<std::string_view, 1> tags{"red"};
  const std::array reservations{reservation{"k"}};
  const auto a = stream("a");
  for (const event_metadata& with :
       {event_metadata{.tags = tags}, event_metadata{.reservations = reservations},
        event_metadata{.tags = tags}}) {
    event_batch batch;
    must(batch.add(a, with, capnp::typeId<Noted>(),
                   [&](capnp::AnyPointer::Builder payload) { note(payload, 1); }));
    must(journal->append(a, expected_version::any(), std::move(batch)));
  }
}

} // namespace

TEST_CASE("a damaged row of the index of tags is reported, and a missing one by verification") {
  const temporary_directory directory;
  const auto options = small_options(directory / "j");
  make_indexed_journal(options);
  CHECK(must(verify_lmdb_journal(options)).tagged_events == 2);
  const detail::tag_key row{"red", 3_pos};
  std::vector<position> seen;
  const auto read = [&] {
    seen.clear();
    return must(open_lmdb_journal(options))->replay_tag("red", 1_pos, [&](const event_view& event) {
      seen.push_back(event.position());
      return visit_result::proceed;
    });
  };
  alter(directory / "j", database::tags, row.bytes(), flip(0));
  CHECK(failure_of(read()).code() == errc::corrupt_journal);
  CHECK(failure_of(verify_lmdb_journal(options)).code() == errc::corrupt_journal);
  alter(directory / "j", database::tags, row.bytes(), flip(0));
  CHECK(must(read()) == 3_pos);
  CHECK(seen == std::vector{1_pos, 3_pos});
  alter(directory / "j", database::tags, row.bytes(), [](byte_vector& bytes) { bytes.clear(); });
  CHECK(failure_of(verify_lmdb_journal(options)).message().find("1 rows") != std::string::npos);
}

TEST_CASE("a damaged reservation refuses what names its key, and nothing else") {
  const temporary_directory directory;
  const auto options = small_options(directory / "j");
  make_indexed_journal(options);
  CHECK(must(verify_lmdb_journal(options)).reservations == 1);
  const detail::stream_key row{"k"};
  alter(directory / "j", database::reservations, row.bytes(), flip(8));
  CHECK(failure_of(verify_lmdb_journal(options)).code() == errc::corrupt_journal);
  {
    const auto journal = must(open_lmdb_journal(options));
    CHECK(failure_of(journal->holder_of("k")).code() == errc::corrupt_journal);
    const auto b = stream("b");
    event_batch batch;
    const std::array reservations{reservation{"k"}};
    must(batch.add(b, {.reservations = reservations}, capnp::typeId<Noted>(),
                   [&](capnp::AnyPointer::Builder payload) { note(payload, 1); }));
    CHECK(failure_of(journal->append(b, expected_version::any(), std::move(batch))).code()
          == errc::corrupt_journal);
    must(journal->append(b, expected_version::any(), notes(b, 1)));
  }
  alter(directory / "j", database::reservations, row.bytes(),
        [](byte_vector& bytes) { bytes.clear(); });
  CHECK(failure_of(verify_lmdb_journal(options)).message().find("the reservation of key k")
        != std::string::npos);
}
