#pragma once

#include "consumers/event_target.hpp"

#include <cairn/durable_subscription.hpp>

#include <functional>
#include <memory>

namespace cairn::detail {

/// A handler of the application as the target of a consumer. A table store without rows keeps the
/// checkpoint and the decisions.
class handler_target final : public event_target {
public:
  /// `shard`: whose log the events come from. `on_commit` is called after each commit.
  handler_target(std::shared_ptr<table_store> store, shard_id shard, durable_handler handle,
                 std::function<void()> on_commit)
    : store_{std::move(store)}, shard_{shard}, handle_{std::move(handle)}, on_commit_{std::move(
                                                                               on_commit)} {}

  table_store& store() const noexcept { return *store_; }

  cairn::position position() const noexcept override { return store_->position(shard_); }
  result<void> begin() override { return {}; }
  std::optional<error> apply(const event_view& event) override;
  result<void> commit(const table_checkpoint& at) override;
  void abort() noexcept override {}
  result<void> decide(const projection_decision& decision, const table_checkpoint& at) override {
    return store_->decide(decision, at);
  }

private:
  const std::shared_ptr<table_store> store_;
  const shard_id shard_;
  const durable_handler handle_;
  const std::function<void()> on_commit_;
};

} // namespace cairn::detail
