#include "simulation/simulated_tables.hpp"

#include <utility>

namespace cairn::detail {
namespace {

result<void> fill(table_store& store, const simulated_projection& of,
                  const durable_tables& durable) {
  if (durable.rows) {
    if (auto begun = store.begin_batch(); !begun)
      return begun;
    store.begin_event();
    table_writer to{store.rows()};
    if (auto copied = of.copy(*durable.rows, to); !copied)
      return copied;
    if (auto published = store.publish(durable.at); !published)
      return published;
  }
  for (const auto& decision : durable.decisions)
    if (auto kept = store.decide(decision, durable.at); !kept)
      return kept;
  return durable.live ? store.mark_live() : result<void>{};
}

} // namespace

result<std::shared_ptr<table_store>> simulated_tables::open(simulation_context& run,
                                                            const simulated_projection& of,
                                                            std::shared_ptr<durable_tables> durable,
                                                            projection_mode mode,
                                                            const bool& crashed) {
  auto opened = table_store::open({});
  if (!opened)
    return std::move(opened).error();
  std::shared_ptr<table_store> inner{*std::move(opened)};
  if (auto filled = fill(*inner, of, *durable); !filled)
    return std::move(filled).error();
  return std::shared_ptr<table_store>{
      std::make_shared<simulated_tables>(run, std::move(durable), mode, crashed, std::move(inner))};
}

std::optional<error> simulated_tables::disk_failure() {
  if (crashed_)
    return error{errc::shut_down, "simulated: the process has crashed"};
  if (!run_.random.chance(run_.faults.failed_rows))
    return std::nullopt;
  run_.note("rows not written", position().bits());
  return error{run_.random.chance(0.5) ? errc::storage_full : errc::io_failed,
               "simulated: the rows cannot be written"};
}

/// Makes what readers see durable.
result<void> simulated_tables::keep() {
  auto rows = inner_->read();
  if (!rows)
    return std::move(rows).error();
  auto at = inner_->checkpoint();
  if (!at)
    return std::move(at).error();
  auto decisions = inner_->decisions();
  if (!decisions)
    return std::move(decisions).error();
  durable_->rows.emplace(*std::move(rows));
  durable_->at = *at;
  durable_->decisions = *std::move(decisions);
  run_.note("rows written", at->position.bits(), durable_->decisions.size());
  return {};
}

/// Rows are visible at once, and reach the disk behind. Only where it is so far behind that
/// publishing has to wait for it, publishing fails with it: not where replies depend on it.
result<void> simulated_tables::publish(table_checkpoint at) {
  if (mode_ == projection_mode::async)
    if (auto failure = disk_failure())
      return *std::move(failure);
  return inner_->publish(at);
}

unflushed_rows simulated_tables::unflushed() const {
  if (position() == durable_->at.position)
    return unflushed_rows::none;
  return run_.random.chance(0.3) ? unflushed_rows::due : unflushed_rows::some;
}

result<void> simulated_tables::flush_all() {
  if (auto failure = disk_failure())
    return *std::move(failure);
  return keep();
}

result<void> simulated_tables::decide(const projection_decision& decision, table_checkpoint at) {
  if (auto failure = disk_failure())
    return *std::move(failure);
  if (auto decided = inner_->decide(decision, at); !decided)
    return decided;
  return keep();
}

result<void> simulated_tables::mark_live() {
  if (auto failure = disk_failure())
    return *std::move(failure);
  if (auto marked = inner_->mark_live(); !marked)
    return marked;
  durable_->live = true;
  return keep();
}

// --- The folder ----------------------------------------------------------------------------------

std::vector<table_generation> simulated_folders::find() const {
  std::vector<table_generation> found;
  for (const auto& [generation, tables] : durable_)
    found.push_back(generation);
  return found;
}

result<std::shared_ptr<table_store>> simulated_folders::open(const table_generation& of,
                                                             table_store_options) {
  auto& durable = durable_[of];
  if (!durable)
    durable = std::make_shared<durable_tables>();
  run_.note("tables", of.version, of.generation, durable->at.position.bits());
  return simulated_tables::open(run_, of_, durable, mode_, crashed_);
}

void simulated_folders::remove(const table_generation& of) noexcept {
  if (crashed_)
    return;
  run_.note("tables removed", of.version, of.generation);
  durable_.erase(of);
}

} // namespace cairn::detail
