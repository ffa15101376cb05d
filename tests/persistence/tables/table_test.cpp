#include <cairn/table_store.hpp>
#include <cairn/verify_tables.hpp>

#include "journal/journal_fixture.hpp"
#include "literals.hpp"
#include "sales.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <vector>

using namespace cairn;
using namespace cairn::test;

namespace {

enum class folders : std::uint16_t { top, middle, bottom };

constexpr table<std::int64_t, sale> numbered{"numbered"};
constexpr table<std::tuple<std::string, folders, std::uint32_t>, sale> placed{"placed"};

/// The ways in which rows are kept, for tests of what is the same in all.
struct keeping {
  std::string name;
  bool on_disk;
  row_visibility visibility;
};
const keeping all_keepings[]{{"in memory", false, row_visibility::at_once},
                             {"on disk", true, row_visibility::committed},
                             {"on disk behind memory", true, row_visibility::at_once}};

table_store_options options_for(const keeping& how, const temporary_directory& directory) {
  table_store_options options;
  if (how.on_disk)
    options.directory = directory / "tables";
  options.visibility = how.visibility;
  options.map_bytes = std::size_t{256} << 20;
  options.free_space_watermark_bytes = 0;
  options.flush_rows = 7; // so that rows are in all places at once
  return options;
}

std::unique_ptr<table_store> open(const keeping& how, const temporary_directory& directory) {
  return must(table_store::open(options_for(how, directory)));
}

/// Applies one event, at the shard's next position, and publishes it.
template <class Handler>
void apply(table_store& store, Handler handler, shard_id shard = {}) {
  must(store.begin_batch());
  store.begin_event();
  table_writer to{store.rows()};
  handler(to);
  if (const auto failure = store.rows().failure())
    FAIL(failure->message());
  const auto position = store.position(shard) + 1;
  must(store.publish({position, position.number() * 3}));
  if (store.unflushed() == unflushed_rows::due)
    must(store.flush_all());
}

void sell(table_store& store, const std::string& sku, std::uint64_t quantity, shard_id shard = {}) {
  const auto add = [&](sale& row) { row.quantity += quantity; };
  apply(
      store, [&](table_writer& to) { to.update(sales, sku, add); }, shard);
}

listing list(const table_view& view, const key_range<std::string>& range = {}) {
  listing found;
  must(view.scan(sales, range, [&](const std::string& sku, const sale& row) {
    found.emplace_back(sku, row.quantity);
  }));
  return found;
}

listing ranked(const table_view& view, const key_range<std::uint64_t>& range = {}) {
  listing found;
  must(view.scan_by<by_quantity>(
      sales, range, [&](std::uint64_t quantity, const std::string& sku, const sale& row) {
        CHECK(row.quantity == quantity);
        found.emplace_back(sku, quantity);
      }));
  return found;
}

listing reversed(listing of) {
  std::reverse(of.begin(), of.end());
  return of;
}

template <class Key>
std::string encoded(const key_argument<Key>& key) {
  const auto made = detail::encode_key<Key>(1, key);
  REQUIRE(made.fits());
  CHECK(made.size() % 8 == 0);
  detail::key_parser parser{made.bytes()};
  CHECK(detail::key_codec<Key>::decode(parser) == Key{key});
  CHECK(parser.complete());
  return std::string{detail::as_text(made.bytes())};
}

} // namespace

#define FOR_EACH_KEEPING(how)                                                                      \
  for (const auto& how : all_keepings)                                                             \
    if (const doctest::detail::ContextScope scope_{[&](std::ostream* out) { *out << how.name; }};  \
        true)

TEST_CASE("keys are ordered as the values that they encode") {
  const auto check = []<class Key>(std::vector<Key> ascending) {
    for (std::size_t i = 1; i < ascending.size(); ++i)
      CHECK(encoded<Key>(ascending[i - 1]) < encoded<Key>(ascending[i]));
  };
  check(std::vector<std::uint64_t>{0, 1, 255, 256, std::numeric_limits<std::uint64_t>::max()});
  check(std::vector<std::int32_t>{std::numeric_limits<std::int32_t>::min(), -256, -1, 0, 1, 77777});
  check(std::vector<folders>{folders::top, folders::middle, folders::bottom});
  using namespace std::string_literals;
  check(std::vector<std::string>{"", "\0"s, "\0\0"s, "\0\x01"s, "\0\xff"s, "\x01", "a", "a\0"s,
                                 "a\0b"s, "a\x01", "aaaaaa", "aaaaaaa", "aaaaaaaa", "ab", "\xff",
                                 "\xff\xff"});
  using pair = std::tuple<std::string, std::int32_t>;
  check(std::vector<pair>{{"", -1},
                          {"", 5},
                          {"a", -7},
                          {"a", 0},
                          {"a\0"s, -9},
                          {"aaaaaa", -1},
                          {"aaaaaaa", -1},
                          {"b", std::numeric_limits<std::int32_t>::min()}});
}

TEST_CASE("random texts are ordered as keys as they are by themselves") {
  const auto seed = std::random_device{}();
  MESSAGE("seed " << seed);
  std::mt19937 random{seed};
  const auto text = [&] {
    std::string made;
    for (auto left = random() % 20; left > 0; --left)
      made += "\0\x01\x02\xfe\xff"[random() % 5];
    return made;
  };
  for (int i = 0; i < 2000; ++i) {
    const auto a = text();
    const auto b = text();
    CHECK((a < b) == (encoded<std::string>(a) < encoded<std::string>(b)));
  }
}

TEST_CASE("a row is written, read, changed and erased") {
  FOR_EACH_KEEPING(how) {
    const temporary_directory directory;
    const auto store = open(how, directory);
    sell(*store, "tea", 2);
    sell(*store, "tea", 3);
    apply(*store, [](table_writer& to) { to.put(numbered, -4, {.quantity = 9, .note = "minus"}); });
    auto view = must(store->read());
    CHECK(view.position() == 3_pos);
    CHECK(must(view.get(sales, "tea")) == sale{.quantity = 5, .note = ""});
    CHECK(must(view.get(numbered, -4)) == sale{.quantity = 9, .note = "minus"});
    CHECK_FALSE(must(view.get(sales, "coffee")));
    CHECK_FALSE(must(view.get(numbered, 4)));
    std::uint64_t seen = 0;
    CHECK(must(view.read(sales, "tea", [&](Sale::Reader row) { seen = row.getQuantity(); })));
    CHECK(seen == 5);
    apply(*store, [](table_writer& to) { to.erase(sales, "tea"); });
    CHECK(must(view.get(sales, "tea"))); // it stays as it was
    CHECK_FALSE(must(must(store->read()).get(sales, "tea")));
    CHECK(list(must(store->read())).empty());
    CHECK(ranked(must(store->read())).empty());
  }
}

TEST_CASE("a handler reads what it has written, in scans too") {
  FOR_EACH_KEEPING(how) {
    const temporary_directory directory;
    const auto store = open(how, directory);
    for (const auto* sku : {"a", "c", "e", "g", "i", "k", "m", "o", "q"})
      sell(*store, sku, 1);
    apply(*store, [](table_writer& to) {
      to.put(sales, "d", {.quantity = 4, .note = {}});
      to.erase(sales, "e");
      to.update(sales, "g", [](sale& row) { row.quantity = 70; });
      CHECK(to.get(sales, "d") == sale{.quantity = 4, .note = {}});
      CHECK_FALSE(to.get(sales, "e"));
      listing seen;
      const auto look = [&](const std::string& sku, const sale& row) {
        seen.emplace_back(sku, row.quantity);
      };
      to.scan(sales, {.from = "c", .below = "k"}, look);
      CHECK(seen == listing{{"c", 1}, {"d", 4}, {"g", 70}, {"i", 1}});
      seen.clear();
      to.scan(sales, {.from = "c", .below = "k", .order = scan_order::descending}, look);
      CHECK(seen == listing{{"i", 1}, {"g", 70}, {"d", 4}, {"c", 1}});
    });
  }
}

TEST_CASE("an event that fails leaves nothing behind, and the ones before it stay") {
  FOR_EACH_KEEPING(how) {
    const temporary_directory directory;
    const auto store = open(how, directory);
    must(store->begin_batch());
    table_writer to{store->rows()};
    store->begin_event();
    to.put(sales, "tea", {.quantity = 1, .note = {}});
    store->begin_event();
    to.update(sales, "tea", [](sale& row) { row.quantity = 99; });
    to.put(sales, "coffee", {.quantity = 99, .note = {}});
    to.put(sales, std::string(max_table_key_bytes, 'x'), {});
    REQUIRE(store->rows().failure());
    CHECK(store->rows().failure()->code() == errc::invalid_argument);
    CHECK(store->rows().failure()->message().find("sales") != std::string::npos);
    store->roll_back_event();
    store->begin_event();
    CHECK_FALSE(store->rows().failure());
    to.update(sales, "tea", [](sale& row) { row.quantity += 1; });
    must(store->publish({3_pos, 3}));
    CHECK(list(must(store->read())) == listing{{"tea", 2}});
    CHECK(ranked(must(store->read())) == listing{{"tea", 2}});
  }
}

TEST_CASE("a key may be as long as the limit and no longer, an index's entry with it") {
  const temporary_directory directory;
  const auto store = open(all_keepings[1], directory);
  const std::string longest(max_table_key_bytes - 2 - 8, 'x'); // with an entry of 8 bytes
  apply(*store, [&](table_writer& to) { to.put(sales, longest, {.quantity = 3, .note = {}}); });
  CHECK(ranked(must(store->read())) == listing{{longest, 3}});
  const auto failure = failure_of(must(store->read()).get(sales, longest + std::string(9, 'x')));
  CHECK(failure.code() == errc::invalid_argument);
  must(store->begin_batch());
  store->begin_event();
  table_writer{store->rows()}.put(sales, longest + "x", {});
  REQUIRE(store->rows().failure());
  store->roll_back_event();
}

TEST_CASE("tuples are scanned by their first components") {
  const temporary_directory directory;
  const auto store = open(all_keepings[2], directory);
  apply(*store, [](table_writer& to) {
    for (const auto* sku : {"tea", "tea bags", "t"})
      for (const auto where : {folders::bottom, folders::top})
        for (std::uint32_t i = 0; i < 3; ++i)
          to.put(placed, {sku, where, i}, {.quantity = i, .note = {}});
  });
  std::vector<std::uint64_t> seen;
  must(must(store->read())
           .scan(placed,
                 {.from = {{"tea", folders::bottom, 1}}, .below = {{"tea", folders::bottom, 9}}},
                 [&](const auto&, Sale::Reader row) { seen.push_back(row.getQuantity()); }));
  CHECK(seen == std::vector<std::uint64_t>{1, 2});
}

TEST_CASE("views agree with a model while random rows are written, whatever the place of a row") {
  const auto seed = std::random_device{}();
  MESSAGE("seed " << seed);
  FOR_EACH_KEEPING(how) {
    std::mt19937 random{seed};
    const temporary_directory directory;
    auto store = open(how, directory);
    std::map<std::string, std::uint64_t> model;
    std::vector<std::pair<table_view, std::map<std::string, std::uint64_t>>> views;
    const auto check = [](const table_view& view, const auto& wanted, std::mt19937& choice) {
      const listing all{wanted.begin(), wanted.end()};
      CHECK(list(view) == all);
      CHECK(list(view, {.order = scan_order::descending}) == reversed(all));
      const auto from = std::to_string(choice() % 30);
      const auto below = std::to_string(choice() % 30);
      listing part;
      for (const auto& row : all)
        if (row.first >= from && row.first < below)
          part.push_back(row);
      CHECK(list(view, {.from = from, .below = below}) == part);
      CHECK(list(view, {.from = from, .below = below, .order = scan_order::descending})
            == reversed(part));
      auto by_rank = all;
      std::stable_sort(by_rank.begin(), by_rank.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
      CHECK(ranked(view) == by_rank);
      CHECK(ranked(view, {.order = scan_order::descending}) == reversed(by_rank));
    };
    for (int step = 0; step < 400; ++step) {
      apply(*store, [&](table_writer& to) {
        for (auto left = 1 + random() % 4; left > 0; --left) {
          const auto sku = std::to_string(random() % 30);
          if (random() % 4 == 0) {
            to.erase(sales, sku);
            model.erase(sku);
          } else {
            const std::uint64_t quantity = random() % 5;
            to.put(sales, sku, {.quantity = quantity, .note = {}});
            model[sku] = quantity;
          }
        }
      });
      if (random() % 10 == 0)
        views.emplace_back(must(store->read()), model);
      if (random() % 20 == 0 && !views.empty())
        views.erase(views.begin() + static_cast<std::ptrdiff_t>(random() % views.size()));
      if (step % 20 == 0)
        for (const auto& [view, wanted] : views)
          check(view, wanted, random);
      if (how.on_disk && random() % 60 == 0) {
        views.clear();
        must(store->close());
        store = open(how, directory);
      }
      check(must(store->read()), model, random);
    }
  }
}

TEST_CASE("what was published is found again after opening, with its checkpoint and decisions") {
  for (const auto& how : {all_keepings[1], all_keepings[2]}) {
    const temporary_directory directory;
    const projection_decision parked{
        .what = projection_decision::kind::park,
        .position = 3_pos,
        .version = 1_ver,
        .type = 77,
        .stream = "cart/7",
        .error = "it threw",
        .attempts = 5,
        .reason = "known fault",
        .decided_at = fixed_time,
    };
    {
      const auto store = open(how, directory);
      sell(*store, "tea", 1);
      sell(*store, "tea", 1);
      CHECK_FALSE(must(store->live()));
      must(store->decide(parked, {3_pos, 33}));
      must(store->mark_live());
      CHECK(must(must(store->read()).get(sales, "tea"))->quantity == 2);
    }
    const auto store = open(how, directory);
    CHECK(store->position() == 3_pos);
    CHECK(must(store->checkpoint()) == table_checkpoint{3_pos, 33});
    CHECK(must(store->decisions()) == std::vector{parked});
    CHECK(must(store->live()));
    CHECK(must(must(store->read()).get(sales, "tea"))->quantity == 2);
  }
}

TEST_CASE(
    "rows that are visible at once reach the disk behind, with the checkpoint of exactly these") {
  const temporary_directory directory;
  const auto store = open(all_keepings[2], directory);
  for (std::uint64_t i = 1; i <= 40; ++i) {
    sell(*store, std::to_string(i), 1);
    CHECK(must(store->read()).position() == position{i});
    const auto on_disk = must(store->checkpoint()).position;
    CHECK(on_disk <= position{i});
    CHECK(store->status().checkpoint == on_disk);
  }
  CHECK(must(store->checkpoint()).position > 0_pos);
  CHECK(store->status().rows_in_memory < 40);
}

TEST_CASE("each shard has a checkpoint of its own, and none takes another's rows along") {
  FOR_EACH_KEEPING(how) {
    const temporary_directory directory;
    const shard_id third{3}, last{65'535};
    const auto at = [](shard_id shard, std::uint64_t number) {
      return table_checkpoint{position{number, shard}, number * 3};
    };
    auto store = open(how, directory);
    CHECK(store->position(third) == position::start_of(third));
    CHECK(must(store->checkpoint(third)) == at(third, 0));
    for (int i = 0; i < 5; ++i)
      sell(*store, "tea", 1);
    {
      const auto before = must(store->read());
      sell(*store, "tea", 10, third); // its number, 1, is below those of shard 0
      CHECK(must(before.get(sales, "tea"))->quantity == 5);
      CHECK(before.position(third).is_start());
      const auto after = must(store->read());
      CHECK(must(after.get(sales, "tea"))->quantity == 15);
      CHECK(after.position() == 5_pos);
      CHECK(after.position(third) == position{1, third});
    }
    sell(*store, "tea", 100, last);
    sell(*store, "tea", 10, third);
    sell(*store, "tea", 1);
    must(store->decide({}, at(third, 3)));
    CHECK(must(store->checkpoint()) == at({}, 6));
    CHECK(must(store->checkpoint(third)) == at(third, 3));
    CHECK(must(store->checkpoint(last)) == at(last, 1));
    if (!how.on_disk)
      continue;
    must(store->close());
    store = open(how, directory);
    CHECK(store->position() == 6_pos);
    CHECK(store->position(third) == position{3, third});
    CHECK(must(must(store->read()).get(sales, "tea"))->quantity == 126);
    sell(*store, "tea", 1, third);
    must(store->close());
    CHECK(must(verify_tables(options_for(how, directory))).checkpoints
          == std::vector{at({}, 6), at(third, 4), at(last, 1)});
  }
}
