#pragma once

#include "account.hpp"
#include "consumers/consumer.hpp"

#include <cairn/memory_journal.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace test {

using namespace std::chrono_literals;

/// A target that notes what it is given, and fails as the test says.
class scripted_target final : public cairn::detail::event_target {
public:
  /// By position: how many attempts are still to fail.
  std::map<cairn::position, int, cairn::position_order> failures;
  /// The next commits fail with these.
  std::vector<cairn::error> commit_failures;
  /// Called before each event is applied.
  std::function<void(cairn::position)> on_apply;
  std::function<void(const cairn::event_view&)> on_event = {}; ///< The same.

  std::vector<cairn::position> applied;                   ///< Positions, in the order of applying.
  std::vector<cairn::table_checkpoint> commits;           ///< Checkpoints that were committed.
  std::vector<cairn::projection_decision> decisions = {}; ///< On record.
  int empty_batches = 0;

  cairn::position position() const noexcept override { return position_; }
  cairn::result<void> begin() override {
    CHECK_FALSE(std::exchange(in_batch_, true));
    return {};
  }
  std::optional<cairn::error> apply(const cairn::event_view& event) override {
    CHECK(in_batch_);
    if (on_apply)
      on_apply(event.position());
    if (on_event)
      on_event(event);
    if (const auto failing = failures.find(event.position());
        failing != failures.end() && failing->second-- > 0)
      return cairn::error{cairn::errc::handler_failed, "it does not want to"};
    applied.push_back(event.position());
    return std::nullopt;
  }
  cairn::result<void> commit(const cairn::table_checkpoint& at) override {
    CHECK(in_batch_);
    if (!commit_failures.empty()) {
      auto why = commit_failures.front();
      commit_failures.erase(commit_failures.begin());
      return why;
    }
    in_batch_ = false;
    commits.push_back(at);
    position_ = at.position;
    return {};
  }
  void abort() noexcept override {
    in_batch_ = false;
    ++empty_batches;
  }
  cairn::result<void> decide(const cairn::projection_decision& decision,
                             const cairn::table_checkpoint& at) override {
    CHECK_FALSE(in_batch_);
    decisions.push_back(decision);
    position_ = at.position;
    return {};
  }

  std::vector<cairn::position> committed_positions() const {
    std::vector<cairn::position> positions;
    for (const auto& each : commits)
      positions.push_back(each.position);
    return positions;
  }

private:
  cairn::position position_{};
  bool in_batch_ = false;
};

/// A log in memory and a consumer of it without a thread: nothing happens before the test calls
/// `turn`.
class stepped_consumer {
public:
  explicit stepped_consumer(cairn::detail::consumer_options options = {.thread_name = "test"},
                            const cairn::event_selection& selection = cairn::event_selection::all())
    : machine{cairn::detail::make_event_source(*log, nullptr, selection,
                                               cairn::subscription_start::beginning())
                  .value(),
              target, noting_pauses(std::move(options)), environment, [this] { ++progress; }} {}

  /// Appends an event of `id`, and returns its position.
  cairn::position append(std::string_view id = "a", std::vector<std::string> tags = {}) {
    const auto stream = cairn::stream_id::make("account", id).value();
    cairn::event_batch batch;
    const std::vector<std::string_view> views(tags.begin(), tags.end());
    REQUIRE(
        batch.add(stream,
                  cairn::event_metadata{
                      .command_id = {}, .correlation_id = {}, .causation_id = {}, .tags = views},
                  deposited{.amount = 1}));
    return log->append(stream, cairn::expected_version::any(), std::move(batch))
        .value()
        .first_position;
  }
  void append_some(int events) {
    for (int i = 0; i < events; ++i)
      append();
  }

  /// Takes turns as long as there is anything to do.
  void run() {
    while (machine.wants_turn())
      machine.turn();
  }

  /// One turn, if there is anything to do. An inline consumer wants turns for ever.
  void run_once() {
    if (machine.wants_turn())
      machine.turn();
  }

  cairn::result<void> decide(cairn::projection_decision::kind what) {
    const auto locked = machine.lock();
    auto decided = machine.decide_locked(what, "a reason");
    if (!decided)
      return std::move(decided).error();
    return {};
  }

  cairn::consumer_state state() const { return machine.status().state; }

  std::unique_ptr<cairn::journal> log = cairn::make_memory_journal();
  std::chrono::steady_clock::time_point now{};
  cairn::detail::consumer_environment environment{.by_threads = false,
                                                  .now = [this] { return now; }};
  std::vector<std::chrono::milliseconds> pauses; ///< Between attempts.
  std::function<void()> during_pause;
  int progress = 0; ///< How often it was reported.
  scripted_target target;
  cairn::detail::consumer machine;

private:
  cairn::detail::consumer_options noting_pauses(cairn::detail::consumer_options options) {
    options.pause_between_attempts = [this](std::chrono::milliseconds time) {
      pauses.push_back(time);
      if (during_pause)
        during_pause();
    };
    return options;
  }
};

using positions = std::vector<cairn::position>;

/// An event of the stream `account/memory`, as it is handed back by the journal; `version` is also
/// its number in the stream. Only its stream tells it from an event of the log.
inline cairn::event_batch event_in_memory(cairn::version version) {
  const auto stream = cairn::stream_id::make("account", "memory").value();
  const auto log = cairn::make_memory_journal();
  cairn::event_batch filler;
  cairn::event_batch batch;
  for (cairn::version before{1}; before < version; ++before)
    REQUIRE(filler.add(stream, {}, deposited{.amount = 1}));
  REQUIRE(batch.add(stream, {}, deposited{.amount = 1}));
  if (!filler.empty())
    REQUIRE(log->append(stream, cairn::expected_version::any(), std::move(filler)));
  struct keeper final : cairn::append_listener {
    void on_completed(
        std::vector<std::unique_ptr<cairn::append_operation>> operations) noexcept override {
      events = std::move(operations.front()->events);
    }
    cairn::event_batch events;
  } target;
  auto operation =
      std::make_unique<cairn::append_operation>(stream, cairn::expected_version::any(), target);
  operation->events = std::move(batch);
  log->submit(std::move(operation));
  return std::move(target.events);
}

} // namespace test
