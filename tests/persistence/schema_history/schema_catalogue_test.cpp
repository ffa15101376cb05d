// Records are read with the schemas that the journal holds, without the code that wrote them.

#include "journal/journal_fixture.hpp"
#include "literals.hpp"
#include "lmdb_journal/lmdb_store.hpp"
#include "lmdb_rows/schema_rows.hpp"
#include "schema_history/schema_history.hpp"
#include "schema_text.hpp"

#include <cairn/schema_catalogue.hpp>

#include <capnp/dynamic.h>

#include <array>
#include <filesystem>
#include <vector>

using namespace cairn;
using namespace cairn::test;

namespace {

std::vector<std::string> as_json(const journal& journal) {
  const auto catalogue = must(schema_catalogue::load(journal));
  std::vector<std::string> lines;
  must(journal.replay_all(1_pos, [&](const event_view& event) {
    lines.push_back(must(catalogue.event_as_json(event)));
    return visit_result::proceed;
  }));
  return lines;
}

const std::string order_text = R"(
  struct Ordered @0xa000000000000011 {
    kind @0 :Kind; lines @1 :List(Line); total @2 :UInt64; weight @3 :Float32; seal @4 :Data;
    enum Kind { normal @0; express @1; }
    struct Line { sku @0 :Text; quantity @1 :UInt32; }
  }
)";

void order(journal& journal, const schema_text& text) {
  const auto type = text.get("Ordered");
  const auto order = stream("order");
  const std::array<std::string_view, 2> tags{"customer:7", "say \"hi\""};
  event_batch batch;
  must(batch.add(
      order, {.command_id = {1, 2}, .correlation_id = {3, 4}, .tags = tags},
      type.getProto().getId(), [&](capnp::AnyPointer::Builder payload) {
        auto ordered = payload.initAs<capnp::DynamicStruct>(type);
        ordered.set("kind", "express");
        ordered.set("total", std::uint64_t{1} << 60);
        ordered.set("weight", 0.5);
        ordered.set("seal", capnp::Data::Reader{reinterpret_cast<const kj::byte*>("cairn"), 5});
        auto lines = ordered.init("lines", 1).as<capnp::DynamicList>();
        lines[0].as<capnp::DynamicStruct>().set("sku", "Earl \"Grey\"");
        lines[0].as<capnp::DynamicStruct>().set("quantity", 2);
      }));
  must(journal.append(order, expected_version::any(), std::move(batch)));
}

} // namespace

TEST_CASE("an event is JSON by the schemas in the journal alone") {
  const temporary_directory directory;
  auto options = small_options(directory / "j");
  options.wall_clock = [] { return fixed_time; };
  {
    const schema_text text{order_text};
    const auto journal = must(open_lmdb_journal(options));
    must(journal->declare_schemas({.owner = "test", .events = {text.get("Ordered")}}));
    order(*journal, text);
  }
  const auto journal = must(open_lmdb_journal_for_reading(options));
  const std::vector<std::string> expected{
      R"({"position":1,"stream":"test/order","version":1,)"
      R"("recordedAt":"2023-11-14T22:13:20.123456789Z","type":"Ordered",)"
      R"("commandId":"00000000-0000-0001-0000-000000000002",)"
      R"("correlationId":"00000000-0000-0003-0000-000000000004",)"
      R"("tags":["customer:7","say \"hi\""],"event":{"kind":"express",)"
      R"("lines":[{"sku":"Earl \"Grey\"","quantity":2}],"total":"1152921504606846976",)"
      R"("weight":0.5,"seal":"Y2Fpcm4="}})"};
  CHECK(as_json(*journal) == expected);
}

TEST_CASE("an older event is JSON by the newest schema of its type") {
  FOR_EACH_JOURNAL(journal) {
    must(journal.declare_schemas({.owner = "test", .events = {capnp::Schema::from<Noted>()}}));
    const auto a = stream("a");
    must(journal.append(a, expected_version::any(), notes(a, 7)));
    const schema_text newer{R"(
      struct Remarked @0x9a1b2c3d4e5f6071 {
        number @0 :UInt64; remark @1 :Text; blob @2 :Data; stars @3 :UInt8 = 5;
      })"};
    must(journal.declare_schemas({.owner = "test", .events = {newer.get("Remarked")}}));
    const auto line = as_json(journal).at(0);
    CHECK_MESSAGE(line.find(R"("type":"Remarked","event":{"number":"7","stars":5}})")
                      != std::string::npos,
                  line);
  }
}

TEST_CASE("an event's position is a number in JSON, with the shard beside it if it is not 0") {
  const auto journal = make_memory_journal();
  const schema_text text{order_text};
  must(journal->declare_schemas({.owner = "test", .events = {text.get("Ordered")}}));
  order(*journal, text);
  const auto catalogue = must(schema_catalogue::load(*journal));
  must(journal->replay_all(1_pos, [&](const event_view& event) {
    CHECK(must(catalogue.event_as_json(event)).starts_with(R"({"position":1,"stream")"));
    auto fixed = event.fixed();
    fixed.position = position{7, shard_id{3}};
    const event_view moved{fixed, event.record(), event.message()};
    CHECK(must(catalogue.event_as_json(moved)).starts_with(R"({"position":7,"shard":3,"stream")"));
    return visit_result::proceed;
  }));
}

TEST_CASE("a type that the journal does not know has its id for a name, and no JSON") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a");
    must(journal.append(a, expected_version::any(), notes(a, 7)));
    const auto catalogue = must(schema_catalogue::load(journal));
    CHECK(catalogue.generations() == 0);
    CHECK(catalogue.name_of(capnp::typeId<Noted>()) == "0x9a1b2c3d4e5f6071");
    must(journal.replay_all(1_pos, [&](const event_view& event) {
      const auto refusal = failure_of(catalogue.event_as_json(event));
      CHECK(refusal.code() == errc::not_found);
      CHECK(refusal.position() == 1_pos);
      return visit_result::proceed;
    }));
  }
}

TEST_CASE("a journal from before there were schemas opens, for both, and gets them") {
  const temporary_directory directory;
  std::filesystem::create_directory(directory / "j");
  std::filesystem::permissions(directory / "j", std::filesystem::perms::owner_all);
  std::filesystem::copy_file(CAIRN_GOLDEN_JOURNAL, directory / "j" / "journal.mdb");
  std::filesystem::permissions(directory / "j" / "journal.mdb",
                               std::filesystem::perms::owner_read
                                   | std::filesystem::perms::owner_write);
  const lmdb_journal_options options{.directory = directory / "j"};
  {
    const auto reader = must(open_lmdb_journal_for_reading(options));
    CHECK(must(schema_catalogue::load(*reader)).generations() == 0);
    CHECK(reader->last_position() == 9_pos);
  }
  const auto journal = must(open_lmdb_journal(options));
  must(journal->declare_schemas(
      {.owner = "cart", .events = {capnp::Schema::from<Noted>(), capnp::Schema::from<Tally>()}}));
  const auto lines = as_json(*journal);
  REQUIRE(lines.size() == 9);
  CHECK(lines[0].find(R"("event":{"number":"7","text":"tea"}})") != std::string::npos);
  CHECK(lines[2].find(R"("type":"Tally","event":{"sum":"99"}})") != std::string::npos);
}

// Found by tests/fuzz: a name that is none threw out of the journal, or filled the stack.
TEST_CASE("a stored schema whose checksum holds and whose bytes do not is an error") {
  const schema_text text{order_text};
  const schema_declaration used{.owner = "test", .events = {text.get("Ordered")}};
  std::vector<std::uint64_t> row(detail::words_of<detail::schema_header>);
  const auto message = must(detail::schema_history{}.judge(used));
  row.insert(row.end(), message.begin(), message.end());
  std::size_t refused = 0;
  for (std::size_t bit = 64 * detail::words_of<detail::schema_header>; bit < 64 * row.size();
       ++bit) {
    const auto flipped = std::uint64_t{1} << bit % 64;
    row[bit / 64] ^= flipped;
    detail::seal_value(detail::key_bytes(1), row.data(), row.size() * sizeof(row[0]));
    detail::schema_history history;
    const auto shown = detail::show_schema_row(
        1, row, [&](const schema_generation& generation) { history.add(generation); });
    refused += !shown;
    for (const auto& [id, node] : history.newest())
      CHECK_NOTHROW((void)node.name());
    row[bit / 64] ^= flipped;
  }
  CHECK(refused > row.size());
}
