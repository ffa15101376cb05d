#pragma once

#include "simulation/context.hpp"

#include <cairn/journal.hpp>

#include <deque>
#include <memory>
#include <optional>
#include <vector>

namespace cairn::detail {

/// A journal that fails as a seed decides, over one in memory that holds what is durable.
///
/// Its writer is a step at a time: a commit begins with some of what is queued, lands some time
/// later, all of it or nothing, and then what was in it is handed back. A crash may come between
/// any two steps. One thread.
class simulated_journal final : public journal, public append_listener {
public:
  /// `durable` is what a crash leaves; it outlives this.
  simulated_journal(simulation_context& run, journal& durable) : run_{run}, durable_{durable} {}
  ~simulated_journal() override;

  // By who drives the simulation.

  /// Whether the writer has something to do now.
  bool wants_turn() const noexcept;
  /// When it will have; `never`: not by itself.
  std::chrono::nanoseconds next_due() const noexcept;
  void turn();

  /// Whatever is not durable is gone, but that the commit under way may have become so; everything
  /// fails from now on.
  void crash();

  /// Whether it must be opened again before anything is written.
  bool stopped() const noexcept { return stopped_; }

  // The journal.
  void submit(std::unique_ptr<append_operation> operation) override;
  result<stream_head> head(const stream_id& stream) const override;
  result<cairn::version> replay(const stream_id& stream, cairn::version from_version,
                                cairn::version to_version, event_visitor visitor) const override;
  result<cairn::position> replay_all(cairn::position from_position,
                                     event_visitor visitor) const override;
  result<cairn::position> replay_tag(std::string_view tag, cairn::position from_position,
                                     event_visitor visitor) const override;
  result<std::optional<stream_id>> holder_of(std::string_view key) const override;
  result<void> visit_streams(std::string_view prefix, stream_visitor visitor) const override;
  void submit_snapshot(snapshot_draft snapshot) override;
  result<bool> load_snapshot(const stream_id& stream,
                             function_ref<void(const snapshot_view&)> visitor) const override;
  result<void> declare_schemas(const schema_declaration& used) override;
  result<void> visit_schemas(function_ref<void(const schema_generation&)> visitor) const override;
  cairn::position last_position() const noexcept override { return durable_.last_position(); }
  result<cairn::position> wait_beyond(cairn::position, std::chrono::steady_clock::time_point,
                                      const std::stop_token&) const override {
    return last_position(); // nobody can be waited for
  }
  journal_status status() const override;
  /// Shows what commits of unknown outcome have left, and goes on.
  result<void> reopen() override;
  /// Does what is still to be done, and fails everything from now on.
  result<void> close() override;

  /// By the journal in memory.
  void on_completed(std::vector<std::unique_ptr<append_operation>> operations) noexcept override;

private:
  using operation_ptr = std::unique_ptr<append_operation>;

  /// An append of a commit that failed and is durable all the same, which shows once the journal
  /// is opened again.
  struct hidden_append {
    stream_id stream;
    expected_version expected;
    event_batch events;
  };

  void begin_commit();
  void land();
  void apply(operation_ptr& operation);
  void commit_all();
  void fail_commit(errc code);
  void lose_track();
  void hold();
  void resolve();
  void bring_to_light();
  void finish_all();
  void hand_back();

  simulation_context& run_;
  journal& durable_;
  std::deque<operation_ptr> queue_;
  std::vector<operation_ptr> committing_;
  std::chrono::nanoseconds lands_at_{0};
  std::optional<bool> held_; // the commit under way was written or not, and nobody knows yet
  std::vector<operation_ptr> finished_; // not yet handed back
  std::vector<snapshot_draft> drafts_;
  std::vector<hidden_append> hidden_;
  operation_ptr applied_;
  bool stopped_ = false;
  bool closed_ = false;
};

} // namespace cairn::detail
