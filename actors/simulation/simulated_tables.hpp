#pragma once

#include "simulation/context.hpp"

#include "tables/table_folders.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace cairn::detail {

/// The rows of a projection that a crash leaves.
struct durable_tables {
  std::optional<table_view> rows; // empty: none yet
  table_checkpoint at;
  std::vector<projection_decision> decisions;
  bool live = false;
};

/// All tables of one projection that a crash leaves, newest first.
using durable_shelf =
    std::map<table_generation, std::shared_ptr<durable_tables>, std::greater<table_generation>>;

/// Tables whose rows are on a disk that fails as a seed decides, over a store in memory. What a
/// crash leaves is a view of the rows as they were when they were last written. One thread.
class simulated_tables final : public table_store {
public:
  /// Opens the tables with the rows that are durable. Nothing becomes durable once `crashed` is
  /// set, which outlives this. Errors: those of `table_store`.
  static result<std::shared_ptr<table_store>> open(simulation_context& run,
                                                   const simulated_projection& of,
                                                   std::shared_ptr<durable_tables> durable,
                                                   projection_mode mode, const bool& crashed);

  simulated_tables(simulation_context& run, std::shared_ptr<durable_tables> durable,
                   projection_mode mode, const bool& crashed, std::shared_ptr<table_store> inner)
    : run_{run}, durable_{std::move(durable)}, mode_{mode}, crashed_{crashed}, inner_{std::move(
                                                                                   inner)} {}

  result<table_view> read() const override { return inner_->read(); }
  using table_store::checkpoint;
  result<table_checkpoint> checkpoint(shard_id shard) const override {
    return inner_->checkpoint(shard);
  }
  using table_store::position;
  cairn::position position(shard_id shard) const noexcept override {
    return inner_->position(shard);
  }
  result<std::vector<projection_decision>> decisions() const override {
    return inner_->decisions();
  }
  result<bool> live() const override { return inner_->live(); }
  table_store_status status() const override { return inner_->status(); }
  result<void> begin_batch() override { return inner_->begin_batch(); }
  void begin_event() override { inner_->begin_event(); }
  row_sink& rows() noexcept override { return inner_->rows(); }
  void roll_back_event() override { inner_->roll_back_event(); }
  std::size_t pending_rows() const noexcept override { return inner_->pending_rows(); }
  std::size_t pending_bytes() const noexcept override { return inner_->pending_bytes(); }
  result<void> begin_round(std::size_t partitions) override {
    return inner_->begin_round(partitions);
  }
  row_sink& partition(std::size_t number) noexcept override { return inner_->partition(number); }
  bool end_round() override { return inner_->end_round(); }
  void end_batch() override { inner_->end_batch(); }
  result<void> publish(table_checkpoint at) override;
  unflushed_rows unflushed() const override;
  result<void> flush_all() override;
  result<void> flush_gently(const std::atomic<bool>&) override { return flush_all(); }
  result<void> decide(const projection_decision& decision, table_checkpoint at) override;
  result<void> mark_live() override;
  void abandon() noexcept override { inner_->abandon(); }
  result<void> close() override { return inner_->close(); }

private:
  std::optional<error> disk_failure();
  result<void> keep();

  simulation_context& run_;
  const std::shared_ptr<durable_tables> durable_;
  const projection_mode mode_;
  const bool& crashed_;
  const std::shared_ptr<table_store> inner_;
};

/// The folder of a projection, on the same disk.
class simulated_folders final : public table_folders {
public:
  simulated_folders(simulation_context& run, const simulated_projection& of, durable_shelf& durable,
                    projection_mode mode, const bool& crashed)
    : run_{run}, of_{of}, durable_{durable}, mode_{mode}, crashed_{crashed} {}

  std::vector<table_generation> find() const override;
  result<std::shared_ptr<table_store>> open(const table_generation& of,
                                            table_store_options with) override;
  void remove(const table_generation& of) noexcept override;

private:
  simulation_context& run_;
  const simulated_projection& of_;
  durable_shelf& durable_;
  const projection_mode mode_;
  const bool& crashed_;
};

} // namespace cairn::detail
