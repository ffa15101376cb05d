// The bytes on disk: FORMAT.md's worked example, and a journal written by an earlier version.

#include "journal/journal_fixture.hpp"
#include "literals.hpp"
#include "lmdb_journal/lmdb_store.hpp"

#include <array>
#include <cstring>
#include <fstream>
#include <sstream>

using namespace cairn;
using namespace cairn::test;

namespace {

/// The bytes between ```hexdump and ``` of FORMAT.md.
std::vector<unsigned char> documented_record() {
  std::ifstream document{CAIRN_FORMAT_DOCUMENT};
  REQUIRE(document.good());
  std::vector<unsigned char> bytes;
  bool inside = false;
  for (std::string line; std::getline(document, line);) {
    if (line == "```hexdump" || (inside && line == "```")) {
      inside = !inside;
      continue;
    }
    if (!inside)
      continue;
    std::istringstream words{line};
    std::string word;
    words >> word; // the offset
    while (words >> word && word.size() == 2)
      bytes.push_back(static_cast<unsigned char>(std::stoul(word, nullptr, 16)));
  }
  return bytes;
}

std::string hexdump(std::span<const unsigned char> bytes) {
  std::string text;
  std::array<char, 16> piece{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i % 16 == 0)
      text.append(piece.data(), static_cast<std::size_t>(
                                    std::snprintf(piece.data(), piece.size(), "\n%04zx", i)));
    text.append(piece.data(), static_cast<std::size_t>(
                                  std::snprintf(piece.data(), piece.size(), " %02x", bytes[i])));
  }
  return text;
}

/// Writes the journal that `golden/journal.mdb` holds: flushed heads, an unflushed tail, a
/// snapshot. Nothing in it depends on when or where it is written.
void write_golden_journal(const std::filesystem::path& directory) {
  lmdb_journal_options options{.directory = directory};
  options.flush_interval_events = 4;
  options.wall_clock = [] { return fixed_time; };
  const auto journal = must(detail::open_lmdb_journal(options, message_id{0x1111, 0x2222}));
  const auto cart = must(stream_id::make("cart", "42"));
  const auto kettle = must(stream_id::make("kettle", "blau"));
  const std::array<std::string_view, 2> tags{"customer:7", "urgent"};
  event_batch first;
  const auto tea = [](capnp::AnyPointer::Builder payload) {
    auto noted = payload.initAs<Noted>();
    noted.setNumber(7);
    noted.setText("tea");
  };
  must(first.add(cart, {.command_id = {0x0102030405060708, 0x1112131415161718}},
                 capnp::typeId<Noted>(), tea));
  must(journal->append(cart, expected_version::none(), std::move(first)));
  event_batch second;
  must(second.add(
      kettle,
      {.command_id = {1, 2}, .correlation_id = {3, 4}, .causation_id = {5, 6}, .tags = tags},
      capnp::typeId<Noted>(), tea));
  must(second.add(kettle, {}, capnp::typeId<Tally>(),
                  [](capnp::AnyPointer::Builder payload) { payload.initAs<Tally>().setSum(99); }));
  must(journal->append(kettle, expected_version::none(), std::move(second)));
  for (std::uint64_t i = 0; i < 6; ++i)
    must(journal->append(cart, expected_version::any(), notes(cart, 100 + i, 1, 20)));
  const std::array recent{recent_command{{1, 2}, 1_ver, 2_pos}};
  journal->submit_snapshot(snapshot_draft::encode(
      kettle, {2_ver, 3_pos}, 0xabcd, recent,
      [](capnp::AnyPointer::Builder state) { state.initAs<Tally>().setSum(99); }));
  barrier(*journal, kettle);
  std::filesystem::copy_file(directory / "journal.mdb", directory / "golden.mdb");
}

std::filesystem::path copy_of_golden(const std::filesystem::path& directory) {
  std::filesystem::create_directory(directory);
  std::filesystem::permissions(directory, std::filesystem::perms::owner_all);
  std::filesystem::copy_file(CAIRN_GOLDEN_JOURNAL, directory / "journal.mdb");
  std::filesystem::permissions(directory / "journal.mdb",
                               std::filesystem::perms::owner_read
                                   | std::filesystem::perms::owner_write);
  return directory;
}

std::vector<std::vector<unsigned char>> log_values(const std::filesystem::path& file) {
  auto env = must(detail::lmdb_env::open({.file = file, .map_bytes = std::size_t{1} << 20}));
  detail::transaction txn;
  detail::databases dbs;
  REQUIRE(txn.begin(env, 0) == 0);
  REQUIRE(detail::open_databases(txn.get(), false, dbs) == 0);
  std::vector<std::vector<unsigned char>> values;
  position last;
  REQUIRE(detail::last_log_position(txn.get(), dbs, last) == 0);
  for (auto at = 1_pos; at <= last; ++at) {
    MDB_val key{sizeof(at), &at}, value{};
    REQUIRE(mdb_get(txn.get(), dbs.log, &key, &value) == 0);
    const auto* begin = static_cast<const unsigned char*>(value.mv_data);
    values.emplace_back(begin, begin + value.mv_size);
  }
  return values;
}

} // namespace

TEST_CASE("the record that FORMAT.md explains is what the journal writes") {
  const temporary_directory directory;
  write_golden_journal(directory / "j");
  const auto written = log_values(directory / "j" / "golden.mdb").at(0);
  const auto documented = documented_record();
  CHECK_MESSAGE(written == documented, "written:" << hexdump(written));
}

TEST_CASE("the golden journal is read by this version, value by value") {
  const temporary_directory directory;
  const auto journal = must(open_lmdb_journal({.directory = copy_of_golden(directory / "j")}));
  const auto cart = must(stream_id::make("cart", "42"));
  const auto kettle = must(stream_id::make("kettle", "blau"));
  CHECK(journal->last_position() == 9_pos);
  CHECK(journal->status().epoch == 2);
  CHECK(must(journal->head(cart)) == stream_head{7_ver, 9_pos});
  CHECK(must(journal->head(kettle)) == stream_head{2_ver, 3_pos});
  const std::vector<seen_event> cart_events{
      {1_pos, 1_ver, 7},   {4_pos, 2_ver, 100}, {5_pos, 3_ver, 101}, {6_pos, 4_ver, 102},
      {7_pos, 5_ver, 103}, {8_pos, 6_ver, 104}, {9_pos, 7_ver, 105}};
  CHECK(events_of(*journal, cart) == cart_events);
  must(journal->replay(cart, 1_ver, 1_ver, [](const event_view& event) {
    CHECK(event.stream() == "cart/42");
    CHECK(event.previous() == 0_pos);
    CHECK(event.recorded_at() == fixed_time);
    CHECK(event.epoch() == 1);
    CHECK(event.type() == 0x9a1b2c3d4e5f6071);
    CHECK(event.command_id() == message_id{0x0102030405060708, 0x1112131415161718});
    CHECK(event.payload().getAs<Noted>().getText() == "tea");
    return visit_result::proceed;
  }));
  must(journal->replay(kettle, 1_ver, 2_ver, [](const event_view& event) {
    if (event.version() == 1_ver) {
      CHECK(event.correlation_id() == message_id{3, 4});
      CHECK(event.causation_id() == message_id{5, 6});
      REQUIRE(event.tags().size() == 2);
      CHECK(event.tags()[0] == "customer:7");
      CHECK(event.tags()[1] == "urgent");
    } else {
      CHECK(event.previous() == 2_pos);
      CHECK(event.type() == 0x8b7a6c5d4e3f2011);
      CHECK(event.payload().getAs<Tally>().getSum() == 99);
    }
    return visit_result::proceed;
  }));
  CHECK(must(journal->load_snapshot(kettle, [](const snapshot_view& snapshot) {
    CHECK(snapshot.at == stream_head{2_ver, 3_pos});
    CHECK(snapshot.record.getFingerprint() == 0xabcd);
    CHECK(snapshot.record.getState().getAs<Tally>().getSum() == 99);
    REQUIRE(snapshot.record.getRecentCommands().size() == 1);
    CHECK(snapshot.record.getRecentCommands()[0].getIdLow() == 2);
  })));
  CHECK(must(journal->append(cart, expected_version::exact(7_ver), notes(cart, 1)))
        == commit{10_pos, 8_ver, 1});
}

TEST_CASE("this version still writes the records of the golden journal, byte for byte") {
  const temporary_directory directory;
  write_golden_journal(directory / "j");
  (void)copy_of_golden(directory / "g");
  CHECK(log_values(directory / "j" / "golden.mdb") == log_values(directory / "g" / "journal.mdb"));
}

// Run by hand when a new format is added, never to make a failing test pass:
//   CAIRN_GOLDEN_DIRECTORY=DIR test-persistence -ns -tc="write a golden journal"
TEST_CASE("write a golden journal" * doctest::skip()) {
  const char* const directory = std::getenv("CAIRN_GOLDEN_DIRECTORY");
  REQUIRE(directory != nullptr);
  write_golden_journal(directory);
  MESSAGE("written: " << directory << "/golden.mdb");
}
