#include "burst.hpp"
#include "memory.hpp"
#include "scale.hpp"
#include "temporary_directory.hpp"

using namespace limits;
using namespace std::chrono_literals;
using cairn::errc;

namespace {
constexpr std::size_t mib = 1024 * 1024;
}

TEST_CASE("a command that cannot be decided fails alone, however often it comes") {
  const test::temporary_directory place{test::memory_directory()};
  const auto commands = test::scaled(10'000, 500'000);
  auto runtime = cairn::runtime::open(small_runtime(place / "data")).value();
  burst good{runtime.host<backlog>().value()}, bad{runtime.host<backlog>().value()};
  test::heap_watch heap;
  for (std::uint64_t i = 0; i < commands; ++i) {
    bad.send("poisoned", take_poison{});
    good.put(pile_id(i % 8), 64);
    if (i % 4 == 0)
      good.put("poisoned", 64); // the same aggregate's good commands
    if (i % 256 == 0) {
      good.wait_for_all();
      bad.wait_for_all();
      heap.look();
    }
  }
  good.wait_for_all();
  bad.wait_for_all();
  std::cout << "  " << bad.sent() << " poison commands failed, " << good.accepted()
            << " others were accepted" << std::endl;
  CHECK(bad.failed(errc::decide_failed) == bad.sent());
  CHECK(good.accepted() == good.sent());
  CHECK(runtime.status().journal.last_position.number() == good.sent());
  CHECK(runtime.status().rehydrations == 9); // none of them was rebuilt for it
  check_memory("poison commands", heap, 4 * mib);
  CHECK(runtime.close());
}

TEST_CASE("an event that cannot be projected stops that projection, and nothing else") {
  for (const auto mode : {cairn::projection_mode::async, cairn::projection_mode::before_reply}) {
    const test::temporary_directory place{test::memory_directory()};
    const auto commands = test::scaled(5'000, 200'000);
    auto runtime = cairn::runtime::open(small_runtime(place / "data")).value();
    burst all{runtime.host<backlog>().value()};
    cairn::projection_options options{.mode = mode, .pause_between_attempts = [](auto) {}};
    options.tables.free_space_watermark_bytes = 0;
    const auto poisoned = runtime.project<pile_sheet<0>>(options).value();
    const auto sound = runtime.project<pile_sheet<1>>(options).value();
    test::heap_watch heap;
    const auto poison_at = commands / 4;
    for (std::uint64_t i = 1; i <= commands; ++i) {
      if (i == poison_at)
        all.send(pile_id(i % 8), put_items{.payload = {}, .count = 1, .poison = true});
      else
        all.put(pile_id(i % 8), 64);
      if (i == poison_at - 1 || i == poison_at || i % 256 == 0) {
        all.wait_for_all();
        heap.look();
      }
    }
    all.wait_for_all();
    CHECK(all.accepted() == commands);
    REQUIRE(sound.wait_for(cairn::position{commands}));
    const auto failed = poisoned.wait_for(cairn::position{commands});
    REQUIRE_FALSE(failed);
    CHECK(failed.error().code() == errc::projection_stopped);
    CHECK(failed.error().position() == cairn::position{poison_at});
    CHECK(poisoned.status().state == cairn::projection_state::stopped);
    CHECK(poisoned.position() == cairn::position{poison_at - 1});
    CHECK(poisoned.status().lag_events == commands - poison_at + 1);
    REQUIRE(poisoned.park("poison"));
    REQUIRE(poisoned.wait_for(cairn::position{commands}));
    check_memory("a poison event", heap, 4 * mib);
    CHECK(runtime.close());
  }
}
