#include "declared_numbers.hpp"

#include "arguments.hpp"

#include <cairn/appended_events.hpp>
#include <cairn/event_buffer.hpp>
#include <cairn/schema_catalogue.hpp>
#include <cairn/snapshot.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using cairn::position;
using cairn::version;
using std::chrono::steady_clock;

using namespace numbers;

namespace {

std::vector<std::uint64_t> all_numbers() {
  auto values = numbers::extremes<std::uint64_t>();
  for (const auto shift : {16, 32, 48})
    for (const auto step : {-1, 0, 1})
      values.push_back((std::uint64_t{1} << shift) + static_cast<std::uint64_t>(step));
  return values;
}

void add_reading(std::vector<argument>& all) {
  const auto ignore = [](const auto&, const auto&) {};
  all.insert(all.end(),
             {{"aggregate_reader::history(from_version)",
               [=](rows_fixture& with, std::uint64_t value) {
                 is_typed(with.some.accounts.history("a", ignore, version{value}));
               }},
              {"aggregate_reader::history(to_version)",
               [=](rows_fixture& with, std::uint64_t value) {
                 is_typed(with.some.accounts.history("a", ignore, version{1}, version{value}));
               }},
              {"aggregate_reader::state_at_version(version)",
               [](rows_fixture& with, std::uint64_t value) {
                 is_typed(with.some.accounts.state_at_version("a", version{value}));
               }},
              {"aggregate_reader::state_at_time(when)",
               [](rows_fixture& with, std::uint64_t value) {
                 is_typed(with.some.accounts.state_at_time(
                     "a", std::chrono::sys_time<std::chrono::nanoseconds>{
                              std::chrono::nanoseconds{static_cast<std::int64_t>(value)}}));
               }},
              {"stream_reader::replay(from_version)",
               [](rows_fixture& with, std::uint64_t value) {
                 is_typed(with.journal.replay(with.stream, version{value}, version::max(),
                                              rows_fixture::go_on));
               }},
              {"stream_reader::replay(to_version)",
               [](rows_fixture& with, std::uint64_t value) {
                 is_typed(with.journal.replay(with.stream, version{1}, version{value},
                                              rows_fixture::go_on));
               }},
              {"log_reader::replay_all(from_position)",
               [](rows_fixture& with, std::uint64_t value) {
                 is_typed(with.journal.replay_all(place(value), rows_fixture::go_on));
               }},
              {"event_index::replay_tag(from_position)",
               [](rows_fixture& with, std::uint64_t value) {
                 is_typed(with.journal.replay_tag("none", place(value), rows_fixture::go_on));
               }},
              {"schema_catalogue::name_of(type)",
               [](rows_fixture& with, std::uint64_t value) {
                 const auto known = cairn::schema_catalogue::load(with.journal).value();
                 CHECK_FALSE(known.name_of(value).empty());
               }},
              {"schema_catalogue::payload_as_json(type)",
               [](rows_fixture& with, std::uint64_t value) {
                 const auto known = cairn::schema_catalogue::load(with.journal).value();
                 is_typed(known.payload_as_json(value, {}));
               }},
              {"event_buffer::visit_from(first)",
               [](rows_fixture& with, std::uint64_t value) {
                 cairn::event_buffer copies;
                 REQUIRE(with.journal.replay_all(position{1}, [&](const cairn::event_view& event) {
                   return copies.add(event), cairn::visit_result::proceed;
                 }));
                 is_typed(copies.visit_from(value, rows_fixture::go_on));
                 is_typed(copies.visit_these(std::vector{static_cast<std::uint32_t>(value)},
                                             rows_fixture::go_on));
               }},
              {"appended_events::contains(position)",
               [](rows_fixture&, std::uint64_t value) {
                 CHECK_FALSE(cairn::appended_events{}.contains(place(value)));
               }},
              {"appended_events::visit_from(position)", [](rows_fixture&, std::uint64_t value) {
                 CHECK(stops_the_program([&] {
                   (void)cairn::appended_events{}.visit_from(place(value), rows_fixture::go_on);
                 }));
               }}});
}

void add_waiting(std::vector<argument>& all) {
  const auto wait = [](rows_fixture& with, position beyond, steady_clock::time_point until) {
    is_typed(with.journal.wait_beyond(beyond, until));
  };
  all.insert(
      all.end(),
      {{"log_reader::wait_beyond(position)",
        [=](rows_fixture& with, std::uint64_t value) {
          wait(with, place(value), steady_clock::now());
        }},
       {"log_reader::wait_beyond(deadline)",
        [=](rows_fixture& with, std::uint64_t value) { wait(with, position{}, time_of(value)); }},
       {"event_feed::next(deadline)",
        [](rows_fixture& with, std::uint64_t value) {
          auto feed = with.some.runtime.follow(cairn::event_selection::all()).value();
          is_typed(feed.next(rows_fixture::go_on, time_of(value)));
        }},
       {"subscription_start::after(position)",
        [](rows_fixture& with, std::uint64_t value) {
          const auto start = cairn::subscription_start::after(place(value));
          is_typed(with.some.runtime.follow(cairn::event_selection::all(), {.start = start}));
          is_typed(with.some.runtime.subscribe_durably(
              "from-" + std::to_string(value), cairn::event_selection::all(),
              [](const cairn::event_view&) {}, {.start = start}));
        }},
       {"projection_ref::wait_for(position)",
        [](rows_fixture& with, std::uint64_t value) {
          is_typed(with.rows.wait_for(place(value), steady_clock::now()));
        }},
       {"projection_ref::wait_for(deadline)",
        [](rows_fixture& with, std::uint64_t value) {
          is_typed(with.rows.wait_for(position{1}, time_of(value)));
        }},
       {"projection_ref::when_visible(position)",
        [](rows_fixture& with, std::uint64_t value) {
          is_typed(with.rows.when_visible(place(value), steady_clock::now()).get());
        }},
       {"projection_ref::when_visible(deadline)",
        [](rows_fixture& with, std::uint64_t value) {
          is_typed(with.rows.when_visible(position{1}, time_of(value)).get());
        }},
       {"future::wait_for(timeout)",
        [](rows_fixture&, std::uint64_t value) {
          auto done = cairn::future<int>::settled(1);
          CHECK(done.wait_for(std::chrono::nanoseconds{static_cast<std::int64_t>(value)}));
        }},
       {"future::wait_until(deadline)", [](rows_fixture&, std::uint64_t value) {
          auto done = cairn::future<int>::settled(1);
          CHECK(done.wait_until(time_of(value)));
        }}});
}

void add_writing(std::vector<argument>& all) {
  all.insert(
      all.end(),
      {{"event_batch::event_batch(max_event_bytes)",
        [](rows_fixture& with, std::uint64_t value) {
          cairn::event_batch made{value};
          is_typed(made.add(with.stream, {}, test::deposited{.amount = 1, .note = {}}));
        }},
       {"append_operation::append_operation(max_event_bytes)",
        [](rows_fixture& with, std::uint64_t value) {
          struct nobody final : cairn::append_listener {
            void
            on_completed(std::vector<std::unique_ptr<cairn::append_operation>>) noexcept override {}
          } told;
          cairn::append_operation made{with.stream, cairn::expected_version::any(), told, value};
          is_typed(made.events.add(with.stream, {}, test::deposited{.amount = 1, .note = {}}));
        }},
       {"event_batch::add(type)",
        [](rows_fixture& with, std::uint64_t value) {
          cairn::event_batch made;
          is_typed(made.add(with.stream, {}, value, [](capnp::AnyPointer::Builder) {}));
        }},
       {"event_batch::truncate(count)",
        [](rows_fixture& with, std::uint64_t value) {
          auto made = with.batch();
          made.truncate(value);
          CHECK(made.size() == std::min<std::uint64_t>(value, 1));
        }},
       precondition(
           "event_batch::record(index)", 0,
           [](rows_fixture& with, std::uint64_t value) { (void)with.batch().record(value); }),
       precondition(
           "event_batch::message(index)", 0,
           [](rows_fixture& with, std::uint64_t value) { (void)with.batch().message(value); }),
       precondition("decision::operator[](index)", 0,
                    [](rows_fixture&, std::uint64_t value) {
                      const cairn::decision<test::account::event> one{test::closed{}};
                      (void)one[value];
                    }),
       {"snapshot_draft::encode(fingerprint)",
        [](rows_fixture& with, std::uint64_t value) {
          const auto made = cairn::snapshot_draft::encode(with.stream, {}, value, {},
                                                          [](capnp::AnyPointer::Builder) {});
          CHECK(made.fingerprint == value);
        }},
       {"table_store::begin_round(partitions)",
        [](rows_fixture& with, std::uint64_t value) {
          REQUIRE(with.store->begin_batch());
          if (const auto begun = with.store->begin_round(value); begun)
            CHECK(with.store->end_round());
          else
            is_typed(begun);
          with.store->end_batch();
        }},
       precondition("table_store::partition(number)", 1,
                    [](rows_fixture& with, std::uint64_t value) {
                      REQUIRE(with.store->begin_batch());
                      REQUIRE(with.store->begin_round(2));
                      (void)with.store->partition(value);
                      CHECK(with.store->end_round());
                      with.store->end_batch();
                    }),
       {"table_store::checkpoint(shard)",
        [](rows_fixture& with, std::uint64_t value) {
          is_typed(with.store->checkpoint(shard_of(value)));
        }},
       {"table_store::position(shard)",
        [](rows_fixture& with, std::uint64_t value) {
          CHECK(with.store->position(shard_of(value)) == position::start_of(shard_of(value)));
        }},
       {"table_view::position(in)", [](rows_fixture& with, std::uint64_t value) {
          const auto view = with.store->read().value();
          CHECK(view.position(shard_of(value)) == position::start_of(shard_of(value)));
        }}});
}

std::vector<argument> all_arguments() {
  std::vector<argument> all;
  add_reading(all);
  add_waiting(all);
  add_writing(all);
  add_arithmetic(all);
  add_values(all);
  return all;
}

} // namespace

TEST_CASE("each number that a public function takes has a row here, and each row a number") {
  std::vector<std::string_view> rows;
  for (const auto& row : all_arguments())
    rows.push_back(row.name);
  for (const auto declared : numbers::declared_arguments) {
    INFO(std::string{declared});
    CHECK(std::ranges::count(rows, declared) == 1);
  }
  for (const auto row : rows) {
    INFO(std::string{row});
    CHECK((std::ranges::count(numbers::declared_arguments, row) == 1
           || row.starts_with("caf_"))); // built without CAF
  }
}

TEST_CASE("each number that a public function takes works, or is refused with a typed error") {
  rows_fixture with;
  for (const auto& row : all_arguments())
    for (const auto value : all_numbers()) {
      INFO(std::string{row.name} << " = " << value);
      row.call(with, value);
    }
}
