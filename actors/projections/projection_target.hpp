#pragma once

#include "consumers/event_target.hpp"
#include "projections/fold_partitions.hpp"

#include <cairn/projection.hpp>

#include <functional>
#include <memory>

namespace cairn::detail {

/// The tables of a projection as the target of a consumer: each event goes through the projection's
/// handlers into rows, which are committed together with the checkpoint.
class projection_target final : public event_target, private parallel_applier {
public:
  /// `shard`: whose log it takes events from. `on_commit` is called after each commit. `model` and
  /// `environment` must outlive this.
  projection_target(const projection_model& model, std::shared_ptr<table_store> store,
                    shard_id shard, const projection_options& options,
                    const consumer_environment& environment, std::function<void()> on_commit)
    : model_{model}, store_{std::move(store)}, shard_{shard},
      max_batch_bytes_{options.max_batch_bytes}, partitions_{options, environment},
      on_commit_{std::move(on_commit)} {}

  /// The threads that fold beside the caller's, if the options want any. Errors: `io_failed`.
  result<void> start_threads() { return partitions_.start(); }
  /// While nobody advances it.
  void stop_threads() { partitions_.stop(); }

  table_store& store() const noexcept { return *store_; }
  const fold_partitions& partitions() const noexcept { return partitions_; }

  cairn::position position() const noexcept override { return store_->position(shard_); }
  result<void> begin() override { return store_->begin_batch(); }
  std::optional<error> apply(const event_view& event) override;
  bool is_full() const noexcept override { return store_->pending_bytes() >= max_batch_bytes_; }
  result<void> commit(const table_checkpoint& at) override;
  void abort() noexcept override { store_->end_batch(); }
  result<void> decide(const projection_decision& decision, const table_checkpoint& at) override {
    return store_->decide(decision, at);
  }
  parallel_applier* parallel() noexcept override { return partitions_.several() ? this : nullptr; }

private:
  void begin_batch() noexcept override { partitions_.begin_batch(); }
  void begin_round() noexcept override { partitions_.begin_round(); }
  std::size_t round_events() const noexcept override { return partitions_.next_round(); }
  void add(const event_view& event) override { partitions_.add(event.stream()); }
  bool apply(const event_buffer& events, function_ref<bool(const event_view&)> is_passed_over,
             const std::atomic<bool>& interrupt) override;
  void applied_alone(std::size_t events) noexcept override { partitions_.folded_alone(events); }

  std::optional<error> project(row_sink& into, const event_view& event) const;

  const projection_model& model_;
  const std::shared_ptr<table_store> store_;
  const shard_id shard_;
  const std::size_t max_batch_bytes_;
  fold_partitions partitions_;
  const std::function<void()> on_commit_;
};

} // namespace cairn::detail
