#include "grove.hpp"
#include "holdings_of_all.hpp"
#include "temporary_directory.hpp"

#include <cairn/event_batch.hpp>
#include <cairn/runtime.hpp>
#include <cairn/schema_catalogue.hpp>
#include <cairn/snapshot.hpp>
#include <cairn/table_store.hpp>

#include <capnp/message.h>
#include <doctest/doctest.h>

#include <cstdint>
#include <sstream>
#include <string>

using cairn::errc;
using numbers::deep;
using numbers::grown;

namespace {

constexpr std::uint32_t too_deep = 100'000; ///< For any recursion, on any stack.

// The payload, its tree, and then a list and a tree for each level.
constexpr std::uint32_t deepest_event = cairn::max_nesting / 2;

cairn::stream_id grove_stream() {
  return cairn::stream_id::make("grove", "a").value();
}

/// Writes a tree of so many levels, without recursion.
void build(numbers::Tree::Builder at, std::uint32_t levels) {
  for (std::uint32_t i = 1; i < levels; ++i)
    at = at.initBranches(1)[0];
}

cairn::runtime open_on(const test::temporary_directory& directory) {
  return cairn::runtime::open({.storage = cairn::lmdb{.directory = directory / "journal",
                                                      .map_bytes = std::size_t{64} << 20,
                                                      .free_space_watermark_bytes = 0},
                               .threads = 2})
      .value();
}

} // namespace

TEST_CASE("an event that nests too deep is refused, and one at the limit is kept") {
  auto runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
  const auto groves = runtime.host<numbers::grove>().value();
  for (const auto levels : {deepest_event + 1, std::uint32_t{14'000}}) {
    const auto refused = groves.ask("a", numbers::grow{levels}).get();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == errc::invalid_argument);
    CHECK(refused.error().message().find("the limit is 64 levels") != std::string::npos);
  }
  const auto kept = groves.ask("a", numbers::grow{deepest_event}).get();
  REQUIRE(kept);
  std::size_t seen = 0;
  REQUIRE(groves.history("a", [&](const auto&, const auto& event) {
    seen += std::get<numbers::planted>(event).tree == grown(deepest_event) ? 1 : 0;
  }));
  CHECK(seen == 1);
}

TEST_CASE("an event whose value nests without a bound is refused before it is copied") {
  const deep<numbers::planted> event{numbers::planted{grown(too_deep)}};
  cairn::event_batch batch;
  const auto added = batch.add(grove_stream(), {}, event.value);
  REQUIRE_FALSE(added);
  CHECK(added.error().code() == errc::invalid_argument);
  CHECK(batch.empty());
}

TEST_CASE("a message that was built too deep by hand is refused before it is copied") {
  cairn::event_batch batch;
  const auto added = batch.add(grove_stream(), {}, cairn::type_id_of<numbers::planted>(),
                               [](capnp::AnyPointer::Builder payload) {
                                 build(payload.initAs<numbers::Planted>().initTree(), too_deep);
                               });
  REQUIRE_FALSE(added);
  CHECK(added.error().code() == errc::invalid_argument);
  CHECK_THROWS_AS(cairn::snapshot_draft::encode(grove_stream(), {}, 1, {},
                                                [](capnp::AnyPointer::Builder state) {
                                                  build(state.initAs<numbers::Tree>(), too_deep);
                                                }),
                  std::length_error);
}

TEST_CASE("a command that nests too deep is refused, and stays the caller's") {
  auto runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
  const auto groves = runtime.host<numbers::grove>().value();
  deep<numbers::plant> command{numbers::plant{grown(too_deep)}};
  const auto refused = groves.ask("a", std::move(command.value)).get();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::invalid_argument);
  CHECK_FALSE(command.value.tree.branches.empty());
  CHECK(groves.ask("a", numbers::plant{grown(2)}).get());
}

TEST_CASE("a state that nests too deep has no snapshot, which is counted, and goes on after each "
          "restart") {
  const test::temporary_directory directory;
  for (std::uint64_t opened = 1; opened <= 3; ++opened) {
    auto runtime = open_on(directory);
    const auto groves = runtime.host<numbers::grove>({.snapshot_every = 1}).value();
    const auto asked = groves.ask("a", numbers::lengthen{25'000}).get();
    REQUIRE(asked);
    CHECK(asked->version() == cairn::version{opened});
    CHECK(groves.query("a", [](const auto& now) { return now.events; }).get().value() == opened);
    CHECK(runtime.status().ignored_snapshots == 1);
    CHECK_FALSE(runtime.journal()
                    .load_snapshot(grove_stream(), [](const cairn::snapshot_view&) {})
                    .value());
    CHECK(runtime.close());
  }
}

TEST_CASE("a row that nests too deep fails the event, and the row before it stays") {
  static constexpr cairn::table<std::string, numbers::tree> trees{"trees"};
  const auto store = cairn::table_store::open({}).value();
  REQUIRE(store->begin_batch());
  store->begin_event();
  cairn::table_writer{store->rows()}.put(trees, "a", grown(2));
  store->begin_event();
  const deep<numbers::tree> tree{grown(too_deep)};
  CHECK_THROWS_AS(cairn::table_writer{store->rows()}.put(trees, "a", tree.value),
                  std::length_error);
  store->roll_back_event();
  CHECK(store->publish({cairn::position{1}, 0}));
  CHECK(store->read()->get(trees, "a").value() == grown(2));
}

TEST_CASE("a value that nests too deep is no JSON") {
  auto runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value();
  REQUIRE(runtime.host<numbers::grove>());
  const auto known = cairn::schema_catalogue::load(runtime.journal()).value();
  capnp::MallocMessageBuilder message;
  build(message.initRoot<numbers::Planted>().initTree(), too_deep);
  const auto text = known.payload_as_json(cairn::type_id_of<numbers::planted>(),
                                          message.getRoot<capnp::AnyPointer>().asReader());
  REQUIRE_FALSE(text);
  CHECK(text.error().code() == errc::corrupt_record);
}

TEST_CASE("a deep value is measured and printed as far as its outer levels") {
  const deep<numbers::tree> tree{grown(too_deep)};
  std::ostringstream text;
  text << tree.value;
  CHECK(text.str().find("...") != std::string::npos);
  CHECK(text.str().size() < too_deep);
  CHECK(cairn::schema_of<numbers::tree>::heap_bytes(tree.value) > 0);
}

TEST_CASE("whether a value nests within a number of levels is found through lists of lists") {
  using cairn::detail::value_nests_within;
  numbers::forest forest;
  forest.others = {{grown(1)}, {grown(2), grown(3)}};
  CHECK(value_nests_within(forest, 8)); // itself, two lists, a tree, and two levels twice
  CHECK_FALSE(value_nests_within(forest, 7));
  CHECK(value_nests_within(numbers::forest{}, 2));
  CHECK(value_nests_within(std::string{"any"}, 0)); // its type bounds it
}
