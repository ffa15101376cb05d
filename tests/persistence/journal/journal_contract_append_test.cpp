#include "journal_fixture.hpp"
#include "literals.hpp"

#include <cairn/appended_events.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <mutex>
#include <numeric>

using namespace cairn;
using namespace cairn::test;

namespace {

/// Keeps what it is handed, in order.
class keeping_target final : public append_listener {
public:
  void on_completed(std::vector<std::unique_ptr<append_operation>> operations) noexcept override {
    const std::lock_guard lock{mutex};
    calls += 1;
    for (auto& operation : operations)
      done.push_back(std::move(operation));
  }

  std::mutex mutex;
  std::size_t calls = 0;
  std::deque<std::unique_ptr<append_operation>> done;
};

} // namespace

TEST_CASE("an append to a new stream gets version 1 and the journal's next position") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a");
    CHECK(must(journal.append(a, expected_version::none(), notes(a, 10)))
          == commit{1_pos, 1_ver, 1});
    const auto b = stream("b");
    CHECK(must(journal.append(b, expected_version::none(), notes(b, 20, 2)))
          == commit{2_pos, 1_ver, 2});
    CHECK(must(journal.append(a, expected_version::exact(1_ver), notes(a, 11)))
          == commit{4_pos, 2_ver, 1});
    CHECK(journal.last_position() == 4_pos);
    CHECK(must(journal.head(a)) == stream_head{2_ver, 4_pos});
    CHECK(must(journal.head(b)) == stream_head{2_ver, 3_pos});
    CHECK(must(journal.head(stream("c"))) == stream_head{0_ver, 0_pos});
  }
}

TEST_CASE("each expected version admits exactly the streams it describes") {
  FOR_EACH_JOURNAL(journal) {
    const auto fresh = stream("fresh"), old = stream("old");
    must(journal.append(old, expected_version::any(), notes(old, 1, 3)));
    const auto refused = [&](const stream_id& id, expected_version expected) {
      const error conflict = failure_of(journal.append(id, expected, notes(id, 99)));
      CHECK(conflict.code() == errc::version_conflict);
      return conflict.version();
    };
    CHECK(refused(fresh, expected_version::exists()) == 0_ver);
    CHECK(refused(fresh, expected_version::exact(1_ver)) == 0_ver);
    CHECK(refused(old, expected_version::none()) == 3_ver);
    CHECK(refused(old, expected_version::exact(2_ver)) == 3_ver);
    CHECK(refused(old, expected_version::exact(4_ver)) == 3_ver);
    CHECK(refused(old, expected_version::exact(0_ver)) == 3_ver);
    CHECK(journal.last_position() == 3_pos);

    must(journal.append(old, expected_version::exists(), notes(old, 4)));
    must(journal.append(old, expected_version::exact(4_ver), notes(old, 5)));
    must(journal.append(old, expected_version::any(), notes(old, 6)));
    must(journal.append(fresh, expected_version::exact(0_ver), notes(fresh, 7)));
    CHECK(must(journal.head(old)).version == 6_ver);
    CHECK(must(journal.head(fresh)).version == 1_ver);
  }
}

TEST_CASE("a conflict changes nothing, carries the actual version and names the stream") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a");
    must(journal.append(a, expected_version::none(), notes(a, 1, 2)));
    const error conflict =
        failure_of(journal.append(a, expected_version::exact(1_ver), notes(a, 3, 5)));
    CHECK(conflict.code() == errc::version_conflict);
    CHECK(conflict.version() == 2_ver);
    CHECK(conflict.message() == "stream test/a is at version 2, expected exactly 1");
    CHECK(events_of(journal, a).size() == 2);
    CHECK(journal.last_position() == 2_pos);
  }
}

TEST_CASE("several events of one append get consecutive versions and positions") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a");
    must(journal.append(a, expected_version::none(), notes(a, 1)));
    const commit landed = must(journal.append(a, expected_version::any(), notes(a, 2, 100)));
    CHECK(landed == commit{2_pos, 2_ver, 100});
    const auto seen = events_of(journal, a);
    REQUIRE(seen.size() == 101);
    for (std::uint64_t i = 0; i < seen.size(); ++i)
      CHECK(seen[i] == seen_event{1_pos + i, 1_ver + i, i + 1});
  }
}

TEST_CASE("queued appends take effect in order, each judged after the one before") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a");
    keeping_target target;
    const std::array expected{expected_version::none(), expected_version::exact(1_ver),
                              expected_version::exact(1_ver), expected_version::exact(2_ver)};
    for (std::uint64_t i = 0; i < expected.size(); ++i) {
      auto operation = std::make_unique<append_operation>(a, expected[i], target);
      operation->events = notes(a, i);
      journal.submit(std::move(operation));
    }
    barrier(journal, a);
    const std::lock_guard lock{target.mutex};
    REQUIRE(target.done.size() == 4);
    CHECK(target.done[0]->outcome->value() == commit{1_pos, 1_ver, 1});
    CHECK(target.done[1]->outcome->value() == commit{2_pos, 2_ver, 1});
    CHECK(target.done[2]->outcome->error().code() == errc::version_conflict);
    CHECK(target.done[2]->outcome->error().version() == 2_ver);
    CHECK(target.done[3]->outcome->value() == commit{3_pos, 3_ver, 1});
  }
}

TEST_CASE("an append is handed back with its records as a replay shows them") {
  FOR_EACH_JOURNAL(journal) {
    keeping_target target;
    const std::array streams{stream("a"), stream("b"), stream("a"), stream("a")};
    const std::array expected{expected_version::none(), expected_version::any(),
                              expected_version::exact(7_ver), expected_version::exact(2_ver)};
    for (std::size_t i = 0; i < streams.size(); ++i) {
      auto operation = std::make_unique<append_operation>(streams[i], expected[i], target);
      operation->events = notes(streams[i], 10 * i, 1 + (i + 1) % 2);
      journal.submit(std::move(operation));
    }
    barrier(journal, streams[0]);
    const std::lock_guard lock{target.mutex};
    REQUIRE(target.done.size() == streams.size());
    appended_events handed_back;
    for (const auto& operation : target.done)
      if (*operation->outcome)
        handed_back.add(operation->events, **operation->outcome);
    std::size_t seen = 0;
    must(journal.replay_all(1_pos, [&](const event_view& shown) {
      must(handed_back.visit_from(shown.position(), [&](const event_view& kept) {
        CHECK(kept.position() == shown.position());
        CHECK(kept.version() == shown.version());
        CHECK(kept.previous() == shown.previous());
        CHECK(kept.recorded_at() == shown.recorded_at());
        CHECK(kept.epoch() == shown.epoch());
        CHECK(std::ranges::equal(kept.message(), shown.message()));
        return visit_result::stop;
      }));
      ++seen;
      return visit_result::proceed;
    }));
    CHECK(seen == 4);
    CHECK(handed_back.size() == seen);
  }
}

TEST_CASE("a barrier completes after everything that was submitted before it") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a");
    keeping_target target;
    for (std::uint64_t i = 0; i < 50; ++i) {
      auto operation = std::make_unique<append_operation>(a, expected_version::any(), target);
      if (i % 5 != 4)
        operation->events = notes(a, i);
      journal.submit(std::move(operation));
    }
    barrier(journal, a);
    const std::lock_guard lock{target.mutex};
    REQUIRE(target.done.size() == 50);
    cairn::position position{};
    for (std::size_t i = 0; i < 50; ++i) {
      const commit landed = target.done[i]->outcome->value();
      CHECK(landed.count == (i % 5 == 4 ? 0 : 1));
      if (landed.count > 0)
        CHECK(landed.first_position == ++position);
    }
    CHECK(journal.last_position() == 40_pos);
  }
}

TEST_CASE("operations come back to the targets they name, in the order of submission over all") {
  FOR_EACH_JOURNAL(journal) {
    struct numbered final : append_operation {
      using append_operation::append_operation;
      std::size_t number = 0;
    };
    struct noting_target final : append_listener {
      explicit noting_target(std::vector<std::size_t>& shared) : order{shared} {}
      void
      on_completed(std::vector<std::unique_ptr<append_operation>> operations) noexcept override {
        for (const auto& operation : operations) {
          wrong += operation->target != this || !operation->outcome->has_value();
          order.push_back(static_cast<const numbered&>(*operation).number);
        }
      }
      std::vector<std::size_t>& order;
      std::size_t wrong = 0;
    };
    const auto a = stream("a");
    std::vector<std::size_t> order;
    noting_target targets[]{noting_target{order}, noting_target{order}, noting_target{order}};
    for (std::size_t i = 0; i < 60; ++i) {
      auto& target = targets[i / 2 % 3];
      auto operation = std::make_unique<numbered>(a, expected_version::any(), target);
      operation->number = i;
      operation->events = notes(a, i);
      journal.submit(std::move(operation));
    }
    barrier(journal, a); // itself the last to come back
    REQUIRE(order.size() == 60);
    for (std::size_t i = 0; i < order.size(); ++i)
      CHECK(order[i] == i);
    for (const auto& target : targets)
      CHECK(target.wrong == 0);
  }
}

TEST_CASE("an append larger than a commit's limits is still atomic") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a");
    const commit landed = must(journal.append(a, expected_version::none(), notes(a, 1, 10'000)));
    CHECK(landed == commit{1_pos, 1_ver, 10'000});
    CHECK(events_of(journal, a, 9'999_ver).size() == 2);
  }
}

TEST_CASE("a record larger than the journal takes is refused, naming the limit") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a");
    const error refused = failure_of(
        journal.append(a, expected_version::none(), notes(a, 1, 1, default_max_event_bytes)));
    CHECK(refused.code() == errc::invalid_argument);
    CHECK(refused.message().find("1048576") != std::string::npos);
    CHECK(journal.last_position() == 0_pos);
    must(
        journal.append(a, expected_version::none(), notes(a, 1, 1, default_max_event_bytes - 512)));
    CHECK(all_events(journal).size() == 1);
  }
}

TEST_CASE("events of another stream are refused, and neither stream is touched") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a"), b = stream("b");
    must(journal.append(a, expected_version::none(), notes(a, 1)));
    for (const auto& expected : {expected_version::any(), expected_version::exact(1_ver)}) {
      const auto refused = failure_of(journal.append(a, expected, notes(b, 2)));
      CHECK(refused.code() == errc::invalid_argument);
      CHECK(refused.message().find("test/b") != std::string::npos);
    }
    CHECK(all_events(journal) == std::vector{seen_event{1_pos, 1_ver, 1}});
    must(journal.append(a, expected_version::exact(1_ver), notes(a, 2)));
    must(journal.append(b, expected_version::none(), notes(b, 3)));
    CHECK(events_of(journal, a).size() == 2);
  }
}

TEST_CASE("after closing every call says so, and closing again is no error") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a");
    must(journal.append(a, expected_version::none(), notes(a, 1)));
    must(journal.close());
    must(journal.close());
    const auto nothing = [](const event_view&) { return visit_result::proceed; };
    CHECK(failure_of(journal.append(a, expected_version::any(), notes(a, 2))).code()
          == errc::shut_down);
    CHECK(failure_of(journal.head(a)).code() == errc::shut_down);
    CHECK(failure_of(journal.replay(a, 1_ver, to_the_end, nothing)).code() == errc::shut_down);
    CHECK(failure_of(journal.replay_all(1_pos, nothing)).code() == errc::shut_down);
    CHECK(failure_of(journal.load_snapshot(a, [](const snapshot_view&) {})).code()
          == errc::shut_down);
    CHECK(journal.last_position() == 1_pos);
    journal.submit_snapshot(tally(a, {1_ver, 1_pos}, 1));
  }
}
