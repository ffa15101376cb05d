// A journal knows the schemas of what it holds, and lets them change only by the rules.

#include "journal/journal_fixture.hpp"
#include "literals.hpp"
#include "schema_text.hpp"

#include <array>
#include <thread>
#include <vector>

using namespace cairn;
using namespace cairn::test;

namespace {

schema_declaration events_of(const schema_text& text) {
  return {.owner = "cart", .events = {text.get("Added")}};
}

std::vector<std::string> generations_of(const journal& journal) {
  std::vector<std::string> all;
  must(journal.visit_schemas([&](const schema_generation& generation) {
    CHECK(generation.number == all.size() + 1);
    std::string text = generation.record.getOwner().cStr();
    for (const auto node : generation.record.getNodes())
      text += std::string{" "} + node.getName().cStr();
    all.push_back(text);
  }));
  return all;
}

/// The schema before, and a change of it that is refused with these words.
struct refused_change {
  std::string after;
  std::vector<std::string> words;
};

const std::string before = R"(
  struct Added @0xa000000000000001 {
    sku @0 :Text; quantity @1 :UInt32 = 1; kind @2 :Kind;
    lines @3 :List(Line); codes @4 :List(UInt16);
  }
  enum Kind @0xa000000000000002 { tea @0; milk @1; }
  struct Line @0xa000000000000003 { note @0 :Text; weight @1 :UInt64; }
)";

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  const auto place = text.find(what);
  REQUIRE(place != std::string::npos);
  return text.replace(place, what.size(), with);
}

} // namespace

TEST_CASE("schemas are recorded once, with all that they contain") {
  FOR_EACH_JOURNAL(journal) {
    const schema_text text{before};
    must(journal.declare_schemas(events_of(text)));
    must(journal.declare_schemas(events_of(text)));
    must(journal.declare_schemas(events_of(schema_text{before, "elsewhere/other.capnp"})));
    CHECK(generations_of(journal) == std::vector<std::string>{"cart Added Kind Line"});
    must(journal.visit_schemas([](const schema_generation& generation) {
      CHECK(generation.record.getEvents().size() == 1);
      CHECK(generation.record.getEvents()[0] == 0xa000000000000001);
    }));
  }
}

TEST_CASE("a change by the rules is recorded as the next generation") {
  const std::array<std::string, 7> changes{
      replaced(before, "note @0", "remark @0"), // names are not in the bytes
      replaced(before, "codes @4 :List(UInt16);", "codes @4 :List(UInt16); more @5 :Data;"),
      replaced(before, "milk @1;", "milk @1; coffee @2;"),
      replaced(before, "milk @1;", "cream @1;"),
      replaced(before, "weight @1 :UInt64;", "weight @1 :UInt64; unit @2 :Text;"),
      replaced(before, "note @0 :Text;", "obsoleteNote @0 :Text; note @2 :UInt8;"),
      replaced(before, "codes @4 :List(UInt16);", "codes @4 :List(Code);")
          + "struct Code @0xa000000000000004 { number @0 :UInt16; check @1 :Bool; }"};
  for (const auto& after : changes) {
    CAPTURE(after);
    FOR_EACH_JOURNAL(journal) {
      must(journal.declare_schemas(events_of(schema_text{before})));
      must(journal.declare_schemas(events_of(schema_text{after})));
      CHECK(generations_of(journal).size() == 2);
    }
  }
}

TEST_CASE("a change against the rules is refused, naming type and field, old and new") {
  const std::array<refused_change, 15> changes{{
      {replaced(before, "quantity @1 :UInt32 = 1", "quantity @1 :Int32 = 1"),
       {"cart: Added: field quantity (@1) was UInt32 and is Int32", "generation 1"}},
      {replaced(before, "quantity @1 :UInt32 = 1", "quantity @1 :UInt64 = 1"),
       {"field quantity (@1) was UInt32 and is UInt64"}},
      {replaced(before, "quantity @1 :UInt32 = 1", "quantity @1 :UInt32 = 2"),
       {"field quantity (@1) had the default 1 and has 2"}},
      {replaced(before, "sku @0 :Text;", "sku @0 :Data;"), {"field sku (@0) was Text and is Data"}},
      {replaced(before, "lines @3 :List(Line)", "lines @3 :List(Text)"),
       {"field lines (@3)", "List(Line (0xa000000000000003))", "List(Text)"}},
      {replaced(before, "lines @3 :List(Line)", "lines @3 :Line"),
       {"was List(Line (0xa000000000000003)) and is Line (0xa000000000000003)"}},
      {replaced(before, " codes @4 :List(UInt16);", ""),
       {"field codes (@4) was there and has vanished"}},
      {replaced(before, "note @0 :Text; weight @1 :UInt64;", "note @1 :Text; weight @0 :UInt64;"),
       {"cart: Line: field note was @0 and is @1"}},
      {replaced(before, "note @0 :Text; weight", "other @0 :Text; note @2 :Text; weight"),
       {"cart: Line: field note was @0 and is @2"}},
      {replaced(before, "weight @1 :UInt64", "weight @1 :Float64"),
       {"cart: Line: field weight (@1) was UInt64 and is Float64"}},
      {replaced(before, "tea @0; milk @1;", "milk @0; tea @1;"),
       {"cart: Kind: enumerant tea was @0 and is @1"}},
      {replaced(before, "tea @0; milk @1;", "tea @0;"),
       {"cart: Kind: enumerant milk (@1) was there and has vanished"}},
      {replaced(replaced(before, "kind @2 :Kind", "kind @2 :Sort"), "tea @0; milk @1; }",
                "tea @0; milk @1; } enum Sort @0xa000000000000007 { tea @0; milk @1; }"),
       {"field kind (@2) was Kind (0xa000000000000002) and is Sort (0xa000000000000007)"}},
      {replaced(before, "codes @4 :List(UInt16);", "codes @4 :List(Code);")
           + "struct Code @0xa000000000000004 { name @0 :Text; }",
       {"cart: Added: "}}, // Cap'n Proto's own judgement
      {replaced(replaced(before, "sku @0 :Text;", "sku @0 :Text; union {"), "kind @2 :Kind;",
                "kind @2 :Kind; }"),
       {"Added"}},
  }};
  for (const auto& change : changes) {
    CAPTURE(change.after);
    FOR_EACH_JOURNAL(journal) {
      must(journal.declare_schemas(events_of(schema_text{before})));
      const auto refusal =
          failure_of(journal.declare_schemas(events_of(schema_text{change.after})));
      CHECK(refusal.code() == errc::incompatible_schema);
      for (const auto& words : change.words)
        CHECK_MESSAGE(refusal.message().find(words) != std::string::npos, refusal.message());
      CHECK(generations_of(journal).size() == 1);
      must(journal.declare_schemas(events_of(schema_text{before})));
    }
  }
}

TEST_CASE("an older version of a program may take over from a newer one") {
  FOR_EACH_JOURNAL(journal) {
    const auto newer = replaced(before, "codes @4", "more @5 :Data; codes @4");
    must(journal.declare_schemas(events_of(schema_text{before})));
    must(journal.declare_schemas(events_of(schema_text{newer})));
    must(journal.declare_schemas(events_of(schema_text{before})));
    CHECK(generations_of(journal).size() == 2);
    // But what it then grows by must fit what the newer one has written.
    const auto branched = replaced(before, "codes @4", "less @5 :Bool; codes @4");
    const auto refusal = failure_of(journal.declare_schemas(events_of(schema_text{branched})));
    CHECK(refusal.message().find("field less (@5) was Data and is Bool") != std::string::npos);
    CHECK(refusal.message().find("generation 2") != std::string::npos);
  }
}

TEST_CASE("a state may change in any way, unless an event contains it, too") {
  FOR_EACH_JOURNAL(journal) {
    const schema_text text{before};
    const schema_text other{replaced(before, "note @0 :Text", "note @0 :Data")};
    must(journal.declare_schemas({.owner = "cart", .states = {text.get("Line")}}));
    must(journal.declare_schemas({.owner = "cart", .states = {other.get("Line")}}));
    CHECK(generations_of(journal) == std::vector<std::string>{"cart Line", "cart Line"});
    must(journal.declare_schemas({.owner = "cart", .states = {text.get("Line")}}));
    must(journal.declare_schemas({.owner = "shop", .events = {other.get("Added")}}));
    CHECK(
        failure_of(journal.declare_schemas({.owner = "cart", .states = {text.get("Line")}})).code()
        == errc::incompatible_schema);
  }
}

TEST_CASE("rows are held to the rules as events are") {
  FOR_EACH_JOURNAL(journal) {
    const schema_text text{before};
    const schema_text other{replaced(before, "note @0 :Text", "note @0 :Data")};
    must(journal.declare_schemas({.owner = "best sellers 1", .rows = {text.get("Line")}}));
    CHECK(failure_of(
              journal.declare_schemas({.owner = "best sellers 1", .rows = {other.get("Line")}}))
              .code()
          == errc::incompatible_schema);
  }
}

TEST_CASE("an event type may vanish only if no such event is in the owner's streams") {
  FOR_EACH_JOURNAL(journal) {
    const schema_text text{before};
    const schema_declaration both{
        .owner = "test",
        .events = {text.get("Added"), text.get("Line"), capnp::Schema::from<Noted>()}};
    const schema_declaration one{.owner = "test", .events = {text.get("Added")}};
    must(journal.declare_schemas(both));
    // The same type in a stream of another owner does not count.
    const auto elsewhere = must(stream_id::make("test-2", "a"));
    must(journal.append(elsewhere, expected_version::any(), notes(elsewhere, 1)));
    must(journal.declare_schemas(one));
    must(journal.declare_schemas(both));
    CHECK(generations_of(journal).size() == 3);
    const auto mine = must(stream_id::make("test", "a"));
    must(journal.append(mine, expected_version::any(), notes(mine, 1)));
    const auto refusal = failure_of(journal.declare_schemas(one));
    CHECK(refusal.code() == errc::incompatible_schema);
    CHECK(refusal.position() == 2_pos);
    CHECK(refusal.message().find("test: the event type Noted is not listed any more")
          != std::string::npos);
    CHECK(generations_of(journal).size() == 3);
  }
}

TEST_CASE("an owner of schemas has a name") {
  FOR_EACH_JOURNAL(journal) {
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{256}})
      CHECK(failure_of(journal.declare_schemas({.owner = std::string(bytes, 'x')})).code()
            == errc::invalid_argument);
    must(journal.declare_schemas({.owner = std::string(255, 'x')}));
  }
}

TEST_CASE("a closed journal takes and shows no schemas") {
  FOR_EACH_JOURNAL(journal) {
    must(journal.close());
    CHECK(failure_of(journal.declare_schemas({.owner = "x"})).code() == errc::shut_down);
    CHECK(failure_of(journal.visit_schemas([](const schema_generation&) {})).code()
          == errc::shut_down);
  }
}

TEST_CASE("schemas are there for the next opening and for a reader, who records none") {
  const temporary_directory directory;
  const auto options = small_options(directory / "j");
  const schema_text text{before};
  {
    const auto journal = must(open_lmdb_journal(options));
    must(journal->declare_schemas(events_of(text)));
  }
  {
    const auto reader = must(open_lmdb_journal_for_reading(options));
    CHECK(generations_of(*reader).size() == 1);
    must(reader->declare_schemas(events_of(text)));
    const schema_text longer{replaced(before, "codes @4", "more @5 :Data; codes @4")};
    must(reader->declare_schemas(events_of(longer)));
    const schema_text wrong{replaced(before, "sku @0 :Text", "sku @0 :Data")};
    CHECK(failure_of(reader->declare_schemas(events_of(wrong))).code()
          == errc::incompatible_schema);
  }
  {
    const auto journal = must(open_lmdb_journal(options));
    CHECK(generations_of(*journal) == std::vector<std::string>{"cart Added Kind Line"});
  }
  CHECK(must(verify_lmdb_journal(options)).schema_generations == 1);
}

TEST_CASE("closing waits for a declaration that is being written") {
  const temporary_directory directory;
  std::unique_ptr<journal> opened;
  std::thread closing;
  bool closed = false;
  lmdb_journal_options options{.directory = directory / "j"};
  options.wall_clock = [&]() -> std::chrono::sys_time<std::chrono::nanoseconds> {
    // Asked within the declaration's transaction: the journal is not opened or appended to here.
    closing = std::thread{[&] { closed = opened->close().has_value(); }};
    while (opened->head(stream("a")))
      std::this_thread::yield(); // until it is closing
    for (int turn = 0; turn < 2'000; ++turn)
      std::this_thread::yield(); // as far as it gets
    return fixed_time;
  };
  opened = must(open_lmdb_journal(options));
  const schema_declaration used{.owner = "test", .events = {capnp::Schema::from<Noted>()}};
  must(opened->declare_schemas(used));
  closing.join();
  CHECK(closed);
  CHECK(failure_of(opened->declare_schemas(used)).code() == errc::shut_down);
  opened.reset();
  options.wall_clock = {};
  opened = must(open_lmdb_journal(options));
  int generations = 0;
  must(opened->visit_schemas([&](const schema_generation&) { ++generations; }));
  CHECK(generations == 1);
}
