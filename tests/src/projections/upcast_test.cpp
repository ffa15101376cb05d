// Events that an older version of the program wrote, in a projection of today.

#include "ledger.hpp"
#include "temporary_directory.hpp"

#include <cairn/runtime.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

using namespace test;

namespace {

using std::filesystem::perms;

/// What stands in the ledgers, by position, as the events of today say it.
template <bool Upcast>
struct lines {
  static constexpr std::string_view name = Upcast ? "lines" : "lines-as-written";
  static constexpr std::uint32_t version = 1;
  using event = std::variant<entry_made>;
  static constexpr cairn::table<std::string, entry_made> all{"all"};
  static constexpr auto tables = std::tie(all);

  static void project(cairn::table_writer& to, const cairn::event_info& at, const entry_made& e) {
    to.put(all, to_string(at.position) + ' ' + e.label, e);
  }
};

struct lines_of_today : lines<true> {
  using upcast_by = ledger;
};

template <class P>
std::vector<std::string> labels(const cairn::projection<P>& projection) {
  std::vector<std::string> found;
  const auto view = projection.read().value();
  CHECK(view.scan(P::all, {}, [&](const std::string& key, const entry_made& row) {
    found.push_back(key + ": " + std::to_string(row.cents) + ' ' + row.currency);
    return cairn::visit_result::proceed;
  }));
  return found;
}

} // namespace

TEST_CASE("a projection that names the aggregate sees older events as their upcasters make them") {
  const temporary_directory directory;
  const auto data = directory / "data";
  std::filesystem::create_directory(data);
  std::filesystem::permissions(data, perms::owner_all);
  std::filesystem::copy_file(CAIRN_GOLDEN_LEDGER, data / "journal.mdb");
  std::filesystem::permissions(data / "journal.mdb", perms::owner_read | perms::owner_write);
  auto runtime = cairn::runtime::open({.storage = cairn::lmdb{data}}).value();
  const auto today = runtime.project<lines_of_today>().value();
  const auto as_written = runtime.project<lines<false>>().value();
  const auto ledgers = runtime.host<ledger>().value();
  const enter milk{.label = "milk", .cents = 99, .currency = "EUR"};
  const auto head = ledgers.ask("a", milk).get().value().position();
  REQUIRE(today.wait_for(head));
  REQUIRE(as_written.wait_for(head));
  CHECK(labels(today)
        == std::vector<std::string>{"2 tea: 300 EUR", "4 bank: 700 EUR", "4 cash: -700 EUR",
                                    "6 milk: 99 EUR"});
  CHECK(labels(as_written) == std::vector<std::string>{"6 milk: 99 EUR"});
}

TEST_CASE("the journal knows the schemas of the rows, too") {
  auto runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
  (void)runtime.project<lines<false>>().value();
  std::vector<std::string> owners;
  CHECK(runtime.journal().visit_schemas([&](const cairn::schema_generation& generation) {
    owners.emplace_back(generation.record.getOwner().cStr());
    REQUIRE(generation.record.getRows().size() == 1);
    CHECK(generation.record.getRows()[0] == cairn::type_id_of<entry_made>());
  }));
  CHECK(owners == std::vector<std::string>{"projection lines-as-written"});
}
