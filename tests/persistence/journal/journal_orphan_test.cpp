#include "journal_fixture.hpp"
#include "literals.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

using namespace cairn;
using namespace cairn::test;

namespace {

class keeping_target final : public append_listener {
public:
  void on_completed(std::vector<std::unique_ptr<append_operation>> operations) noexcept override {
    const std::lock_guard lock{mutex};
    for (auto& operation : operations)
      done.push_back(std::move(operation));
  }

  std::mutex mutex;
  std::vector<std::unique_ptr<append_operation>> done;
};

/// An append that builds upon another one.
class chained_append final : public append_operation {
public:
  using append_operation::append_operation;

  bool orphaned() const noexcept override { return after && after->load(); }
  void refused() noexcept override { lost->store(true); }

  std::shared_ptr<std::atomic<bool>> after; ///< Whether the one before was refused.
  std::shared_ptr<std::atomic<bool>> lost = std::make_shared<std::atomic<bool>>(false);
};

std::unique_ptr<chained_append> chained(const stream_id& to, std::uint64_t expected,
                                        keeping_target& target, const chained_append* after) {
  auto made =
      std::make_unique<chained_append>(to, expected_version::exact(version{expected}), target);
  made->events = notes(to, expected + 1);
  if (after)
    made->after = after->lost;
  return made;
}

} // namespace

TEST_CASE("an append that builds upon a refused one is refused, although its version is there") {
  FOR_EACH_JOURNAL(journal) {
    const auto a = stream("a");
    must(journal.append(a, expected_version::none(), notes(a, 1))); // by somebody else
    keeping_target target;
    auto first = chained(a, 0, target, nullptr); // refused: the stream is at 1
    auto second = chained(a, 1, target, first.get());
    auto third = chained(a, 1, target, second.get());
    auto unrelated = chained(a, 1, target, nullptr);
    journal.submit(std::move(first));
    journal.submit(std::move(second));
    journal.submit(std::move(third));
    journal.submit(std::move(unrelated));
    barrier(journal, a);
    const std::lock_guard lock{target.mutex};
    REQUIRE(target.done.size() == 4);
    CHECK(failure_of(*target.done[0]->outcome).code() == errc::version_conflict);
    CHECK(failure_of(*target.done[1]->outcome).code() == errc::aborted);
    CHECK(failure_of(*target.done[2]->outcome).code() == errc::aborted);
    CHECK(must(*target.done[3]->outcome).first_version == 2_ver);
    CHECK(journal.last_position() == 2_pos);
  }
}
