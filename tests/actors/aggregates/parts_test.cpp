// The parts of an activation, each alone.

#include "engine_fixture.hpp"
#include "literals.hpp"

#include "aggregates/activation.hpp"
#include "aggregates/deduplication_window.hpp"
#include "aggregates/engine.hpp"
#include "aggregates/inbox.hpp"
#include "aggregates/type_host.hpp"
#include "scheduling/stepped_executor.hpp"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

using namespace test;
using namespace cairn::detail;
using cairn::message_id;
using cairn::recent_command;

namespace {

/// A request that does nothing but know its number.
struct numbered final : request {
  explicit numbered(int its_number) : request{0}, number{its_number} {}
  effect execute(execution&) noexcept override { return effect::none; }
  void deliver(cairn::stream_head) noexcept override {}
  void deliver_repeated(cairn::stream_head) noexcept override {}
  void fail(cairn::error) noexcept override {}
  void dispose() noexcept override {}
  int number;
};

/// The numbers of what is in the inbox, in the order of its coming.
std::vector<int> take_all(inbox& from) {
  request_list taken;
  from.take_all(taken);
  std::vector<int> all;
  while (!taken.empty())
    all.push_back(static_cast<const numbered&>(*taken.pop_front()).number);
  return all;
}

} // namespace

TEST_CASE("an inbox gives everything back in the order of its coming, and wakes once") {
  inbox box;
  numbered one{1}, two{2}, three{3}, four{4};
  CHECK(box.push(&one) == inbox::pushed::queued_wake);
  CHECK(box.push(&two) == inbox::pushed::queued);
  CHECK(take_all(box) == std::vector<int>{1, 2});
  CHECK(take_all(box).empty());
  CHECK(box.push(&three) == inbox::pushed::queued); // it is awake
  CHECK(!box.try_sleep());
  CHECK(!box.try_close());
  CHECK(take_all(box) == std::vector<int>{3});
  CHECK(box.try_sleep());
  CHECK(box.push(&four) == inbox::pushed::queued_wake);
  CHECK(take_all(box) == std::vector<int>{4});
  CHECK(box.try_close());
  CHECK(box.push(&one) == inbox::pushed::closed);
  CHECK(box.push(&two) == inbox::pushed::closed);
}

TEST_CASE("an inbox loses nothing that several threads push, and keeps each one's order") {
  constexpr int threads = 4;
  constexpr int each = 20'000;
  inbox box;
  std::vector<std::unique_ptr<numbered>> requests;
  for (int i = 0; i < threads * each; ++i)
    requests.push_back(std::make_unique<numbered>(i));
  std::atomic<int> wakes{0};
  std::vector<std::thread> pushing;
  for (int t = 0; t < threads; ++t) {
    pushing.emplace_back([&, t] {
      for (int i = 0; i < each; ++i) {
        if (box.push(requests[static_cast<std::size_t>(t * each + i)].get())
            == inbox::pushed::queued_wake)
          wakes.fetch_add(1);
      }
    });
  }
  std::vector<int> next(threads, 0);
  int taken = 0;
  int slept = 1; // it begins asleep
  while (taken < threads * each) {
    for (const int number : take_all(box)) {
      CHECK_MESSAGE(next[static_cast<std::size_t>(number / each)]++ == number % each, number);
      ++taken;
    }
    slept += box.try_sleep() ? 1 : 0;
  }
  for (auto& thread : pushing)
    thread.join();
  CHECK(wakes.load() <= slept);
}

TEST_CASE(
    "a window forgets the oldest first, and keeps one entry for a command of several events") {
  deduplication_window window{3};
  for (std::uint64_t i = 1; i <= 5; ++i)
    window.remember({0, i}, cairn::version{i}, 0_pos);
  CHECK(window.find({0, 2}) == nullptr);
  REQUIRE(window.find({0, 3}));
  window.remember({0, 5}, 6_ver, 42_pos); // a further event of the newest command
  CHECK(window.entries()
        == std::vector<recent_command>{
            {{0, 3}, 3_ver, 0_pos}, {{0, 4}, 4_ver, 0_pos}, {{0, 5}, 6_ver, 42_pos}});

  deduplication_window restored{2};
  restored.assign(window.entries());
  CHECK(restored.entries()
        == std::vector<recent_command>{{{0, 4}, 4_ver, 0_pos}, {{0, 5}, 6_ver, 42_pos}});
  restored.remember({0, 7}, 7_ver, 43_pos);
  CHECK(restored.entries()
        == std::vector<recent_command>{{{0, 5}, 6_ver, 42_pos}, {{0, 7}, 7_ver, 43_pos}});
  restored.remember({}, 8_ver, 44_pos);
  CHECK(restored.entries().size() == 2);
}

TEST_CASE("an activation that has left gives a message back to its sender") {
  const auto stepped = std::make_shared<stepped_executor>();
  scripted_journal journal;
  const auto engine = cairn::detail::engine::start(stepped, journal, {}, {});
  stepped->run();
  type_host host{engine, std::make_unique<typed_model<account>>(cairn::aggregate_options{})};
  {
    auto over = make_intrusive<activation>(host, stream_of("a"));
    over->request_passivation();
    stepped->run();
    numbered late{1};
    request_ptr work{&late};
    CHECK(over->post(work) == inbox::pushed::closed);
    CHECK(work.get() == &late);
    CHECK(over->idle() == false);
    (void)work.release();
  }
  engine->refuse_requests();
  CHECK(engine->all_answered());
  engine->passivate_all();
  stepped->run();
  CHECK(engine->drained());
  engine->detach();
}
