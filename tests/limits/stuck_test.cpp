#include "burst.hpp"
#include "literals.hpp"
#include "memory.hpp"
#include "scale.hpp"
#include "temporary_directory.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <thread>

using namespace limits;
using cairn::errc;

namespace {

constexpr std::size_t kib = 1024, mib = 1024 * kib;

cairn::projection_options projection_options_of(cairn::projection_mode mode) {
  cairn::projection_options options{.mode = mode, .max_waiting = 100};
  options.tables.free_space_watermark_bytes = 0;
  return options;
}

/// So many commands, not too many at a time. All are accepted.
void write(const cairn::aggregates<backlog>& backlogs, std::uint64_t commands,
           test::heap_watch& heap) {
  burst all{backlogs};
  for (std::uint64_t i = 0; i < commands; ++i) {
    all.put(pile_id(i % 500), 64);
    if (i % 64 == 0)
      all.wait_for_all();
    if (i % 1024 == 0)
      heap.look();
  }
  all.wait_for_all();
  CHECK(all.accepted() == commands);
}

/// What a journal's file grows by while so many commands are written beside a reader that
/// `begin_reading` makes, and how much the memory.
struct growth {
  std::uintmax_t file;
  test::heap_watch heap;
};
growth file_growth(std::uint64_t commands,
                   const std::function<std::shared_ptr<void>(cairn::runtime&)>& begin_reading) {
  const test::temporary_directory place{test::memory_directory()};
  const auto size = [&] { return std::filesystem::file_size(place / "data" / "journal.mdb"); };
  auto options = small_runtime(place / "data");
  journal_of(options).max_commit_events = 64; // many commits
  journal_of(options).flush_interval_events = 512;
  auto runtime = cairn::runtime::open(options).value();
  const auto backlogs = runtime.host<backlog>({.snapshot_every = 20}).value();
  growth seen{};
  write(backlogs, 2'000, seen.heap);
  const auto before = size();
  const auto reader = begin_reading(runtime);
  growth grown{};
  write(backlogs, commands, grown.heap);
  grown.file = size() - before;
  return grown;
}

} // namespace

TEST_CASE("a stuck projection holds up who waits for it, up to a bound, and nobody else") {
  const test::temporary_directory place{test::memory_directory()};
  auto options = small_runtime(place / "data");
  options.max_outstanding = 1000;
  auto runtime = cairn::runtime::open(options).value();
  const auto backlogs = runtime.host<backlog>().value();
  const auto sheet =
      runtime.project<pile_sheet<0>>(projection_options_of(cairn::projection_mode::async)).value();
  burst waiting{backlogs};
  test::heap_watch heap;
  test::latch handler;
  const latch_at<in_projection> held{handler};
  handler.shut();
  REQUIRE(backlogs.ask("first", put_items{}).get());
  handler.wait_for_arrival();

  write(backlogs, test::scaled(10'000, 300'000), heap);
  cairn::ask_options visible;
  visible.visible_in = {sheet};
  for (int i = 0; i < 300 || !sheet.at_capacity(); ++i) {
    waiting.put("waits", 64, visible);
    heap.look();
  }
  const auto sent = waiting.sent();
  const auto refused = waiting.overloaded();
  for (int i = 0; i < 1000; ++i)
    waiting.put("waits", 64, visible);
  CHECK(waiting.overloaded() == refused + 1000); // at once
  CHECK(waiting.accepted() == 0);
  CHECK(sent - refused <= 100 + options.max_outstanding);
  CHECK(sheet.status().lag_events + 1 >= test::scaled(10'000, 300'000));
  check_memory("a stuck projection", heap,
               options.max_outstanding * 2 * kib + 500 * 4 * kib
                   + 2 * journal_of(options).flush_interval_events * 512 + 4 * mib);
  handler.open();
  waiting.wait_for_all();
  std::cout << "  " << waiting.accepted() << " waited and were answered, " << waiting.overloaded()
            << " were refused" << std::endl;
  CHECK(waiting.accepted() + waiting.overloaded() == waiting.sent());
  CHECK(sheet.wait_for(runtime.journal().last_position()));
  CHECK(runtime.close());
}

TEST_CASE("a projection that is stuck in the replies refuses what is beyond the bound") {
  const test::temporary_directory place{test::memory_directory()};
  auto options = small_runtime(place / "data");
  options.max_outstanding = 500;
  auto runtime = cairn::runtime::open(options).value();
  const auto backlogs = runtime.host<backlog>().value();
  const auto sheet =
      runtime.project<pile_sheet<0>>(projection_options_of(cairn::projection_mode::before_reply))
          .value();
  burst all{backlogs};
  test::heap_watch heap;
  test::latch handler;
  const latch_at<in_projection> held{handler};
  handler.shut();
  all.put("first", 64);
  handler.wait_for_arrival();
  const auto commands = test::scaled(20'000, 1'000'000);
  for (std::uint64_t i = 1; i < commands; ++i) {
    all.put(pile_id(i % 50), 64);
    if (i % 1024 == 0)
      heap.look();
  }
  CHECK(all.overloaded() == commands - options.max_outstanding);
  CHECK(all.accepted() == 0);
  CHECK(runtime.status().outstanding == options.max_outstanding);
  check_memory("stuck in the replies", heap, options.max_outstanding * 2 * kib + 2 * mib);
  handler.open();
  all.wait_for_all();
  CHECK(all.accepted() == options.max_outstanding);
  CHECK(sheet.position().number() == options.max_outstanding);
  CHECK(runtime.close());
}

TEST_CASE("a subscription that is stuck, and a feed nobody reads, do not let the file grow") {
  const auto commands = test::scaled(12'000, 300'000);
  auto alone = file_growth(commands, [](cairn::runtime&) { return nullptr; });
  test::latch handler;
  handler.shut();
  auto stuck = file_growth(commands, [&](cairn::runtime& runtime) -> std::shared_ptr<void> {
    struct readers {
      test::latch& held;
      cairn::event_feed feed;
      cairn::subscription handled;
      ~readers() { held.open(); } // before the subscription waits for its handler
    };
    auto feed = runtime.follow(cairn::event_selection::all()).value();
    REQUIRE(feed.next([](const cairn::event_view&) { return cairn::visit_result::stop; }).value()
            == 1);
    auto handled = runtime
                       .subscribe(cairn::event_selection::all(),
                                  [&](const cairn::event_view&) { handler.pass(); })
                       .value();
    handler.wait_for_arrival();
    return std::shared_ptr<void>(new readers{handler, std::move(feed), std::move(handled)},
                                 [](void* all) { delete static_cast<readers*>(all); });
  });
  std::cout << "  the journal's file grew by " << alone.file / kib << " KiB alone, by "
            << stuck.file / kib << " KiB beside stuck readers" << std::endl;
  CHECK(stuck.file <= alone.file + alone.file / 4 + mib);
  check_memory("stuck readers", stuck.heap, 500 * 4 * kib + 4 * mib);
}

TEST_CASE("a visitor that is stuck inside the journal is reported, and writing goes on") {
  const test::temporary_directory place{test::memory_directory()};
  auto runtime = cairn::runtime::open(small_runtime(place / "data")).value();
  const auto backlogs = runtime.host<backlog>().value();
  test::heap_watch heap;
  write(backlogs, 1'000, heap);
  test::latch visitor;
  visitor.shut();
  std::thread reader{[&] {
    (void)runtime.journal().replay_all(1_pos, [&](const cairn::event_view&) {
      visitor.pass();
      return cairn::visit_result::stop;
    });
  }};
  visitor.wait_for_arrival();
  write(backlogs, test::scaled(10'000, 300'000), heap);
  while (runtime.status().journal.oldest_reader.count() == 0)
    std::this_thread::yield();
  visitor.open();
  reader.join();
  CHECK(runtime.status().journal.oldest_reader.count() == 0);
  check_memory("a stuck visitor", heap, 500 * 4 * kib + 2 * std::size_t{4096} * 512 + 4 * mib);
  CHECK(runtime.close());
}

TEST_CASE("a view that is held shows what it showed, and the projection goes on") {
  const test::temporary_directory place{test::memory_directory()};
  auto runtime = cairn::runtime::open(small_runtime(place / "data")).value();
  const auto backlogs = runtime.host<backlog>().value();
  auto options = projection_options_of(cairn::projection_mode::async);
  options.tables.flush_rows = 256;
  options.tables.flush_events = 1024;
  const auto sheet = runtime.project<pile_sheet<0>>(options).value();
  test::heap_watch heap;
  write(backlogs, 1'000, heap);
  REQUIRE(sheet.wait_for(1'000_pos));
  const auto tables = place / "data" / "projections";
  const auto size = [&] {
    std::uintmax_t all = 0;
    for (const auto& file : std::filesystem::recursive_directory_iterator{tables})
      all += file.is_regular_file() ? file.file_size() : 0;
    return all;
  };
  {
    const auto view = sheet.read().value();
    const auto before = size();
    const auto position = view.position();
    const auto commands = test::scaled(10'000, 300'000);
    write(backlogs, commands, heap);
    REQUIRE(sheet.wait_for(1'000_pos + commands));
    CHECK(view.position() == position);
    const auto row = view.get(pile_sheet<0>::backlogs, pile_id(0)).value();
    REQUIRE(row);
    CHECK(row->items == 2);
    std::cout << "  the tables' files grew by " << (size() - before) / kib
              << " KiB beside a view that was held" << std::endl;
  }
  check_memory("a view that is held", heap, 500 * 4 * kib + 2 * std::size_t{4096} * 512 + 4 * mib);
  CHECK(runtime.close());
}
