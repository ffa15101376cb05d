// Projections see the events of older versions as what they are today.

#include <cairn/projection.hpp>
#include <cairn/runtime.hpp>

#include "cash_book.hpp"
#include "temporary_directory.hpp"

#include <doctest/doctest.h>

#include <string>
#include <tuple>

using namespace test;

namespace {

/// What each label adds up to.
struct label_sums {
  static constexpr std::string_view name = "label-sums";
  static constexpr std::uint32_t version = 1;
  using source = std::tuple<cash_book>;
  using event = std::variant<entry_made>;
  static constexpr cairn::table<std::string, ledger_state> sums{"sums"};
  static constexpr auto tables = std::tie(sums);

  static void project(cairn::table_writer& to, const cairn::event_info&, EntryMade::Reader e) {
    const std::string label = e.getLabel().cStr();
    auto sum = to.get(sums, label).value_or(ledger_state{});
    sum.cents += e.getCents();
    to.put(sums, label, sum);
  }
};

/// The same, with values.
struct label_values : label_sums {
  static constexpr std::string_view name = "label-values";
  static void project(cairn::table_writer& to, const cairn::event_info&, const entry_made& e) {
    auto sum = to.get(sums, e.label).value_or(ledger_state{});
    sum.cents += e.cents;
    to.put(sums, e.label, sum);
  }
};

template <class Projection>
void check_sums(cairn::runtime& runtime) {
  const auto projected = runtime.project<Projection>().value();
  REQUIRE(projected.wait_for(runtime.journal().last_position()));
  const auto rows = projected.read().value();
  CHECK(rows.get(label_sums::sums, "tea").value().value().cents == 350);
  CHECK(rows.get(label_sums::sums, "cash").value().value().cents == -700);
  CHECK(rows.get(label_sums::sums, "bank").value().value().cents == 700);
}

} // namespace

TEST_CASE("a projection takes in what older versions wrote, as its source means it today") {
  const temporary_directory directory;
  {
    auto runtime = cairn::runtime::open({.directory = directory / "data"}).value();
    const auto books = runtime.host<cash_book_v1>().value();
    CHECK(books.ask("a", entry_made_v1{.label = "tea", .euros = 3}).get());
    CHECK(books.ask("a", transferred_v1{.from = "cash", .to = "bank", .euros = 7}).get());
    CHECK(books.ask("a", printed_v1{}).get());
  }
  auto runtime = cairn::runtime::open({.directory = directory / "data"}).value();
  const auto books = runtime.host<cash_book>().value();
  CHECK(books.ask("a", enter{.label = "tea", .cents = 50, .currency = "EUR"}).get());
  check_sums<label_sums>(runtime);
  check_sums<label_values>(runtime);
}
