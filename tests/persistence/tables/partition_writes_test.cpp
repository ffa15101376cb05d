// Events that are applied in partitions: the rows are those of applying them one after another, or
// the round is refused.

#include <cairn/table_store.hpp>

#include "journal/journal_fixture.hpp"
#include "sales.hpp"

#include <rapidcheck.h>

#include <functional>
#include <ostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace cairn;
using namespace cairn::test;

namespace {

constexpr table<std::string, sale> marks{"marks"}; // written without being read before

using handler = std::function<void(table_writer&)>;

/// Three ways in which rows are kept: in memory, on disk, on disk behind memory.
constexpr int keepings = 3;

std::unique_ptr<table_store> open_kept(int how, const temporary_directory& directory) {
  table_store_options options;
  if (how > 0)
    options.directory = directory / ("tables-" + std::to_string(how));
  options.visibility = how == 2 ? row_visibility::at_once : row_visibility::committed;
  options.map_bytes = std::size_t{64} << 20;
  options.free_space_watermark_bytes = 0;
  options.flush_rows = 5;
  return must(table_store::open(std::move(options)));
}

listing rows_of(const table_store& store) {
  listing found;
  const auto view = must(store.read());
  const auto add = [&](const std::string& key, const sale& row) {
    found.emplace_back(key, row.quantity);
  };
  must(view.scan(sales, {}, add));
  must(view.scan(marks, {}, add));
  must(view.scan_by<by_quantity>(
      sales, {}, [&](std::uint64_t, const std::string& key, const sale& row) { add(key, row); }));
  return found;
}

void publish_all(table_store& store, std::uint64_t events) {
  const auto at = store.position() + events;
  must(store.publish({at, at.number()}));
  if (store.unflushed() == unflushed_rows::due)
    must(store.flush_all());
}

handler add_to(std::string key, std::uint64_t quantity = 1) {
  return [key = std::move(key), quantity](table_writer& to) {
    to.update(sales, key, [&](sale& row) { row.quantity += quantity; });
  };
}

handler mark(std::string key, std::uint64_t quantity = 1) {
  return [key = std::move(key), quantity](table_writer& to) {
    to.put(marks, key, {.quantity = quantity, .note = {}});
  };
}

handler look_for(std::string key) {
  return [key = std::move(key)](table_writer& to) { (void)to.get(sales, key); };
}

handler scan_until(key_range<std::string> range, std::string last) {
  return [range, last = std::move(last)](table_writer& to) {
    to.scan(sales, range, [&](const std::string& key, const sale&) {
      return key == last ? visit_result::stop : visit_result::proceed;
    });
  };
}

handler fail() {
  return [](table_writer& to) { to.put(sales, std::string(2 * max_table_key_bytes, 'x'), {}); };
}

/// A round with these events, each in a partition of its own.
bool round_of(table_store& store, const std::vector<handler>& partitions) {
  must(store.begin_round(partitions.size()));
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    table_writer to{store.partition(i)};
    partitions[i](to);
  }
  return store.end_round();
}

/// One event; false: it fails.
bool apply_alone(table_store& store, const handler& event) {
  store.begin_event();
  table_writer to{store.rows()};
  event(to);
  if (!store.rows().failure())
    return true;
  store.roll_back_event();
  return false;
}

} // namespace

TEST_CASE(
    "rows of partitions that do not meet stay, over rounds and with events applied alone between") {
  for (int how = 0; how < keepings; ++how) {
    CAPTURE(how);
    const temporary_directory directory;
    const auto store = open_kept(how, directory);
    must(store->begin_batch());
    CHECK(apply_alone(*store, add_to("a", 10)));
    CHECK(round_of(*store, {add_to("a"), add_to("b")}));
    CHECK(round_of(*store, {add_to("a"), add_to("b")})); // a partition goes on with its own rows
    CHECK(store->pending_rows() > 0);
    CHECK(apply_alone(*store, add_to("b", 100))); // sees those of the partitions
    CHECK(round_of(*store, {add_to("b"), add_to("a")}));
    CHECK(rows_of(*store).empty());
    publish_all(*store, 8);
    CHECK(store->pending_rows() == 0);
    CHECK(rows_of(*store) == listing{{"a", 13}, {"b", 103}, {"a", 13}, {"b", 103}});
    must(store->begin_batch());
    CHECK(round_of(*store, {add_to("b"), add_to("a")})); // what was published is seen
    publish_all(*store, 2);
    CHECK(rows_of(*store) == listing{{"a", 14}, {"b", 104}, {"a", 14}, {"b", 104}});
  }
}

TEST_CASE(
    "partitions meet where one has written what another writes, reads or would find in a scan") {
  const key_range<std::string> all;
  const key_range<std::string> down{.order = scan_order::descending};
  struct pairing {
    handler one, other;
    bool meet;
  };
  const handler erase_b = [](table_writer& to) { to.erase(sales, "b"); };
  const pairing pairings[]{
      {add_to("b"), add_to("b"), true},
      {add_to("b"), add_to("x"), false},
      {mark("b"), mark("b"), true},
      {mark("b"), mark("x"), false},
      {add_to("b"), look_for("b"), true},
      {add_to("x"), look_for("x"), true}, // which is not there
      {add_to("x"), look_for("b"), false},
      {look_for("b"), look_for("b"), false},
      {erase_b, look_for("b"), true},
      {erase_b, scan_until(all, ""), true},
      {add_to("x"), scan_until(all, ""), true}, // would come new into the range
      {add_to("x"), scan_until({.from = "a", .below = "e"}, ""), false},
      {add_to("d"), scan_until({.from = "a", .below = "e"}, ""), true},
      {add_to("e"), scan_until({.from = "a", .below = "e"}, ""), false},
      {add_to("c"), scan_until(all, "b"), false}, // had stopped before
      {add_to("b"), scan_until(all, "b"), true},
      {add_to("aa"), scan_until(all, "b"), true},
      {add_to("aa"), scan_until(down, "b"), false},
      {add_to("c"), scan_until(down, "b"), true},
      {scan_until(all, ""), scan_until(down, ""), false},
  };
  for (int how = 0; how < keepings; ++how)
    for (std::size_t i = 0; i < std::size(pairings); ++i) {
      CAPTURE(how);
      CAPTURE(i);
      const temporary_directory directory;
      const auto store = open_kept(how, directory);
      must(store->begin_batch());
      CHECK(apply_alone(*store, add_to("a")));
      CHECK(apply_alone(*store, add_to("b")));
      publish_all(*store, 2);
      const auto before = rows_of(*store);
      for (const bool turned : {false, true}) {
        must(store->begin_batch());
        const auto& [one, other, meet] = pairings[i];
        CHECK(round_of(*store, turned ? std::vector{other, one} : std::vector{one, other}) != meet);
        if (meet)
          CHECK(store->pending_rows() == 0);
        publish_all(*store, 2);
        if (meet)
          CHECK(rows_of(*store) == before);
      }
    }
}

TEST_CASE(
    "a partition does not see what another one wrote in an earlier round: then they have met") {
  const temporary_directory directory;
  for (int how = 0; how < keepings; ++how) {
    CAPTURE(how);
    const auto store = open_kept(how, directory);
    must(store->begin_batch());
    CHECK(round_of(*store, {look_for("b"), add_to("a")}));
    CHECK(round_of(*store, {add_to("b"), add_to("a")})); // it was read before, in every order
    CHECK_FALSE(round_of(*store, {look_for("a"), add_to("c")}));
    CHECK_FALSE(round_of(*store, {add_to("d"), add_to("b")}));
    CHECK_FALSE(round_of(*store, {scan_until({}, ""), add_to("e")}));
    CHECK(round_of(*store, {add_to("b"), add_to("a")}));
    publish_all(*store, 7);
    CHECK(rows_of(*store) == listing{{"a", 3}, {"b", 2}, {"b", 2}, {"a", 3}});
  }
}

TEST_CASE(
    "a round in which a partition fails leaves nothing behind, and the rounds before it stay") {
  for (int how = 0; how < keepings; ++how) {
    CAPTURE(how);
    const temporary_directory directory;
    const auto store = open_kept(how, directory);
    must(store->begin_batch());
    CHECK(round_of(*store, {add_to("a"), add_to("b")}));
    const auto rows = store->pending_rows();
    CHECK_FALSE(round_of(*store, {add_to("a", 7), fail()}));
    CHECK_FALSE(round_of(*store, {fail(), add_to("c", 7)}));
    CHECK(store->pending_rows() == rows);
    CHECK(round_of(*store, {add_to("c"), add_to("b")})); // the partitions may go on
    publish_all(*store, 4);
    CHECK(rows_of(*store) == listing{{"a", 1}, {"b", 2}, {"c", 1}, {"a", 1}, {"c", 1}, {"b", 2}});
  }
}

TEST_CASE(
    "threads apply events in their partitions while others read the rows and write them to disk") {
  const temporary_directory directory;
  const auto store = open_kept(2, directory);
  std::atomic<bool> done = false;
  std::atomic<int> wrong = 0;
  std::thread reader{[&] {
    while (!done) {
      std::uint64_t sum = 0;
      const auto view = must(store->read());
      must(view.scan(sales, {}, [&](const auto&, const sale& row) { sum += row.quantity; }));
      wrong += sum == view.position().number() ? 0 : 1;
    }
  }};
  std::thread flusher{[&] {
    while (!done)
      must(store->flush_all());
  }};
  constexpr std::size_t partitions = 3;
  for (int batch = 0; batch < 40; ++batch) {
    must(store->begin_batch());
    for (int round = 0; round < 3; ++round) {
      must(store->begin_round(partitions));
      std::vector<std::thread> threads;
      for (std::size_t i = 0; i < partitions; ++i)
        threads.emplace_back([&, i] {
          table_writer to{store->partition(i)};
          for (int event = 0; event < 20; ++event)
            add_to(std::to_string(i) + "/" + std::to_string((batch + event) % 37))(to);
        });
      for (auto& thread : threads)
        thread.join();
      wrong += store->end_round() ? 0 : 1;
    }
    publish_all(*store, 3 * partitions * 20);
  }
  done = true;
  reader.join();
  flusher.join();
  CHECK(wrong == 0);
}

// --- Whatever handlers do ------------------------------------------------------------------------

namespace {

/// An event, in small numbers: so that a failing sequence shrinks to a short one.
struct happening {
  std::uint8_t what, stream, a, b;
};

std::ostream& operator<<(std::ostream& out, const happening& one) {
  return out << '{' << one.what % 13 << ", " << one.stream % 5 << ", " << +one.a << ", " << +one.b
             << '}';
}

/// What a handler makes of it, with rows of the stream's own and rows that all share.
handler handler_of(const happening& event) {
  const auto prefix = std::to_string(event.stream % 5) + "/";
  const auto own = prefix + std::to_string(event.a % 3);
  const auto others = std::to_string(event.b % 5) + "/" + std::to_string(event.a % 3);
  const auto shared = "shared/" + std::to_string(event.a % 2);
  const auto count = [own](table_writer& to, const key_range<std::string>& range,
                           std::uint64_t until) {
    std::uint64_t seen = 0;
    to.scan(sales, range, [&](const std::string&, const sale& row) {
      seen += row.quantity;
      return seen > until ? visit_result::stop : visit_result::proceed;
    });
    to.put(sales, own, {.quantity = seen, .note = {}});
  };
  switch (event.what % 13) {
    case 0:
      return [own, b = event.b](table_writer& to) {
        to.put(sales, own, {.quantity = b, .note = "x"});
      };
    case 1: return add_to(shared, event.b);
    case 2:
      return [=](table_writer& to) {
        const auto row = to.get(sales, shared).value_or(sale{});
        to.put(sales, own, {.quantity = row.quantity + 1, .note = {}});
      };
    case 3:
      return [=](table_writer& to) { count(to, {.from = prefix, .below = prefix + "9"}, 99); };
    case 4: return [=, b = event.b](table_writer& to) { count(to, {}, b); };
    case 5: return [=](table_writer& to) { count(to, {.order = scan_order::descending}, 0); };
    case 6: return [own](table_writer& to) { to.erase(sales, own); };
    case 7: return [shared](table_writer& to) { to.erase(sales, shared); };
    case 8:
      return [own](table_writer& to) {
        add_to(own, 1000)(to);
        fail()(to);
      };
    case 9:
      return [=](table_writer& to) {
        if (!to.get(sales, others))
          add_to(own, 5)(to);
      };
    case 10: return mark(shared, event.b);
    default: return add_to(own, 1 + event.b % 4);
  }
}

struct round_counts {
  int kept = 0;
  int refused = 0;
};

/// The events in rounds, and what is refused one after another; compared with the fold in a row.
void compare(const std::vector<happening>& events, std::uint8_t cut, int how,
             round_counts& rounds) {
  const temporary_directory directory;
  const auto partitiond = open_kept(how, directory);
  const auto plain = open_kept(0, directory);
  const std::size_t partitions = 1 + cut % 4;
  for (std::size_t first = 0; first < events.size();) {
    must(partitiond->begin_batch());
    must(plain->begin_batch());
    const auto batch = std::min(events.size(), first + 1 + (first + cut) % 19);
    const auto applied = batch - first;
    while (first < batch) {
      const auto end = std::min(batch, first + 1 + (first + cut) % 5);
      must(partitiond->begin_round(partitions));
      for (std::size_t partition = partitions; partition-- > 0;)
        for (auto i = first; i < end; ++i)
          if (events[i].stream % 5 % partitions == partition) {
            table_writer to{partitiond->partition(partition)};
            handler_of(events[i])(to);
          }
      const bool kept = partitiond->end_round();
      ++(kept ? rounds.kept : rounds.refused);
      for (; first < end; ++first) {
        const bool fits = apply_alone(*plain, handler_of(events[first]));
        RC_ASSERT(fits || !kept);
        if (!kept)
          RC_ASSERT(apply_alone(*partitiond, handler_of(events[first])) == fits);
      }
    }
    publish_all(*partitiond, applied);
    publish_all(*plain, applied);
    RC_ASSERT(rows_of(*partitiond) == rows_of(*plain));
  }
}

} // namespace

template <>
struct rc::Arbitrary<happening> {
  static Gen<happening> arbitrary() {
    return gen::build<happening>(gen::set(&happening::what), gen::set(&happening::stream),
                                 gen::set(&happening::a), gen::set(&happening::b));
  }
};

TEST_CASE(
    "whatever handlers do, rows folded in partitions are those folded one event after another") {
  round_counts rounds;
  for (int how = 0; how < keepings; ++how)
    CHECK(rc::check("keeping " + std::to_string(how),
                    [&](const std::vector<happening>& events, std::uint8_t cut) {
                      compare(events, cut, how, rounds);
                    }));
  CHECK(rounds.kept > 100);
  CHECK(rounds.refused > 100);
}
