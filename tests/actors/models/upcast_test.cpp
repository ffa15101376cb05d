// Events of older versions of an application reach today's functions as today's events.

#include "aggregates/engine_fixture.hpp"
#include "ledger.hpp"
#include "literals.hpp"
#include "temporary_directory.hpp"

#include <cairn/lmdb_journal.hpp>
#include <cairn/schema_catalogue.hpp>
#include <cairn/testing.hpp>

#include <cstdlib>
#include <filesystem>
#include <sstream>

using namespace test;
using cairn::errc;

namespace {

using std::filesystem::perms;

cairn::lmdb_journal_options in(const std::filesystem::path& directory) {
  cairn::lmdb_journal_options options{.directory = directory};
  options.wall_clock = [] {
    return std::chrono::sys_time<std::chrono::nanoseconds>{std::chrono::seconds{1'700'000'000}};
  };
  return options;
}

/// A copy of what the first version wrote.
std::unique_ptr<cairn::journal> golden(const std::filesystem::path& directory) {
  std::filesystem::create_directory(directory);
  std::filesystem::permissions(directory, perms::owner_all);
  std::filesystem::copy_file(CAIRN_GOLDEN_LEDGER, directory / "journal.mdb");
  std::filesystem::permissions(directory / "journal.mdb", perms::owner_read | perms::owner_write);
  return cairn::open_lmdb_journal(in(directory)).value();
}

template <class Function>
auto ask_state(test_engine& engine, const cairn::aggregates<ledger>& ledgers, Function function) {
  return engine.finish(ledgers.query("a", function));
}

const ledger_state golden_state{.lines = {"tea 300 EUR", "cash -700 EUR", "bank 700 EUR"},
                                .cents = 300,
                                .owner = "Ada",
                                .name = "house"};

} // namespace

TEST_CASE("what an older version wrote is read as what it means today") {
  const temporary_directory directory;
  const auto journal = golden(directory / "j");
  test_engine engine{*journal};
  auto ledgers = engine.host<ledger>();
  CHECK(ask_state(engine, ledgers, [](const ledger_state& now) { return now; }).value()
        == golden_state);

  std::ostringstream history;
  const auto reached =
      ledgers.history("a", [&](const cairn::event_info& info, const ledger::event& event) {
        history << info.version << '@' << info.position << ' ';
        std::visit([&](const auto& one) { history << one << '\n'; }, event);
      });
  CHECK(reached.value() == 5_ver);
  CHECK(history.str()
        == "1@1 described{owner: \"Ada\", name: \"\"}\n"
           "2@2 entry_made{label: \"tea\", cents: 300, currency: \"EUR\"}\n"
           "4@4 entry_made{label: \"cash\", cents: -700, currency: \"EUR\"}\n"
           "4@4 entry_made{label: \"bank\", cents: 700, currency: \"EUR\"}\n"
           "5@5 described{owner: \"\", name: \"house\"}\n");

  CHECK(ledgers.state_at_version("a", 3_ver).value().lines.size() == 1);
  CHECK(ledgers.state_at_version("a", 4_ver).value().lines.size() == 3);
  CHECK(ledgers.state_at_version("a", 5_ver).value() == golden_state);
}

TEST_CASE("versions go on where the older version left them, and the journal knows both schemas") {
  const temporary_directory directory;
  const auto journal = golden(directory / "j");
  for (cairn::version version : {6_ver, 7_ver}) {
    threaded_engine engine{*journal};
    const auto ledgers = engine.host<ledger>();
    const auto cents = [](const ledger_state& now) { return now.cents; };
    CHECK(ledgers.query("a", cents).get().value() == (version == 6_ver ? 300 : 399));
    const enter milk{.label = "milk", .cents = 99, .currency = "EUR"};
    CHECK(ledgers.ask("a", milk).get().value().version() == version);
  }
  const auto catalogue = cairn::schema_catalogue::load(*journal).value();
  CHECK(catalogue.generations() == 2);
  std::string names;
  CHECK(journal->replay_all(1_pos, [&](const cairn::event_view& event) {
    CHECK(catalogue.event_as_json(event));
    names += catalogue.name_of(event.type()) + ' ';
    return cairn::visit_result::proceed;
  }));
  CHECK(names == "OwnerSetV1 EntryMadeV1 PrintedV1 TransferredV1 NameSetV1 EntryMade EntryMade ");
}

TEST_CASE_FIXTURE(engine_fixture, "an upcaster that throws fails the calls with the position") {
  {
    auto old = engine.host<ledger_v1>();
    CHECK(engine.finish(old.ask("a", printed_v1{})));
    CHECK(engine.finish(old.ask("a", entry_made_v1{.label = "", .euros = ledger::unreadable})));
  }
  test_engine newer{journal};
  auto ledgers = newer.host<ledger>();
  const auto failed = ask_state(newer, ledgers, [](const ledger_state& now) { return now; });
  CHECK(failed.error().code() == errc::evolve_failed);
  CHECK(failed.error().position() == 2_pos);
  CHECK(failed.error().message().find("upcast threw: no such amount") != std::string::npos);
  const auto history = ledgers.history("a", [](const auto&, const auto&) {});
  CHECK(history.error().code() == errc::evolve_failed);
  CHECK(history.error().position() == 2_pos);
}

TEST_CASE("a scenario is given older events as a journal gives them") {
  using cairn::testing::scenario;
  const auto now =
      scenario<ledger>{}
          .given(owner_set_v1{.owner = "Ada"}, entry_made_v1{.label = "tea", .euros = 3})
          .given(transferred_v1{.from = "cash", .to = "bank", .euros = 7})
          .given(name_set_v1{.name = "house"}, printed_v1{})
          .current();
  CHECK(now == golden_state);
}

// Run by hand, to write the journal anew:
//   CAIRN_GOLDEN_DIRECTORY=DIR test-actors -ns -tc="write the golden ledger"
TEST_CASE("write the golden ledger" * doctest::skip()) {
  const char* const directory = std::getenv("CAIRN_GOLDEN_DIRECTORY");
  REQUIRE(directory != nullptr);
  const auto journal = cairn::open_lmdb_journal(in(directory)).value();
  {
    threaded_engine engine{*journal};
    auto ledgers = engine.host<ledger_v1>({.snapshot_every = 2});
    CHECK(ledgers.ask("a", owner_set_v1{.owner = "Ada"}).get());
    CHECK(ledgers.ask("a", entry_made_v1{.label = "tea", .euros = 3}).get());
    CHECK(ledgers.ask("a", printed_v1{}).get());
    CHECK(ledgers.ask("a", transferred_v1{.from = "cash", .to = "bank", .euros = 7}).get());
    CHECK(ledgers.ask("a", name_set_v1{.name = "house"}).get());
  }
  CHECK(journal->close());
}
