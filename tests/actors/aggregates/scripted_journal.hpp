#pragma once

#include "forwarding_journal.hpp"

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace test {

/// A journal that does what the test says: a journal in memory whose appends wait, while it holds
/// them, until the test lets them land or fail. So a test drives every interleaving of appends and
/// commands without a thread and without a clock. For one thread.
class scripted_journal final : public forwarding_journal, public cairn::append_listener {
public:
  scripted_journal();
  ~scripted_journal() override;

  // What the test says.

  /// From now on appends wait.
  void hold() { holding_ = true; }
  /// Appends do not wait any more; those that wait stay until they are released.
  void stop_holding() { holding_ = false; }

  /// How many appends wait, barriers included.
  std::size_t held() const noexcept { return held_.size(); }
  /// How many events each of them brings, oldest first; 0: a barrier.
  std::vector<std::size_t> held_events() const;

  /// Lets the oldest take effect.
  void release_one();
  void release_all();
  /// The oldest comes back with `why`. `written`: its events are in the journal all the same.
  void fail_one(cairn::error why, bool written = false);
  /// The second oldest comes back with `why`, before the oldest: as one that is refused on its way
  /// in.
  void fail_second(cairn::error why);

  /// The journal beneath, for what is to happen behind the engine's back.
  cairn::journal& beneath() noexcept { return inner(); }

  /// Every append from now on fails with this.
  std::optional<cairn::error> fails_with;

  /// Called at the beginning of each replay of a stream.
  std::function<void(const cairn::stream_id&)> on_replay;

  /// Answers replays instead of the journal, while it is set.
  std::optional<cairn::error> replay_fails_with;

  /// What closing ends with.
  std::optional<cairn::error> close_fails_with;

  // What it has seen.

  std::size_t appends = 0;                          ///< With events.
  mutable std::size_t replays = 0;                  ///< Of streams.
  mutable std::size_t replayed_events = 0;          ///< In them.
  std::vector<cairn::snapshot_draft> snapshots;     ///< Kept, oldest first.
  std::vector<cairn::stream_head> snapshots_beyond; ///< Those that were ahead of their stream.

  // The journal.

  void submit(std::unique_ptr<cairn::append_operation> operation) override;
  cairn::result<cairn::version> replay(const cairn::stream_id& stream, cairn::version from_version,
                                       cairn::version to_version,
                                       cairn::event_visitor visitor) const override;
  void submit_snapshot(cairn::snapshot_draft snapshot) override;
  cairn::result<void> close() override;

  void
  on_completed(std::vector<std::unique_ptr<cairn::append_operation>> operations) noexcept override;

private:
  void apply(std::unique_ptr<cairn::append_operation> operation);
  static void hand_back(std::unique_ptr<cairn::append_operation> operation, cairn::error why);
  static void deliver(std::unique_ptr<cairn::append_operation> operation, cairn::error why);

  std::deque<std::unique_ptr<cairn::append_operation>> held_;
  std::unique_ptr<cairn::append_operation> written_;
  bool holding_ = false;
};

} // namespace test
