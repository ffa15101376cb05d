#include "simulated_tables.hpp"

#include <utility>

namespace cairn::detail {

result<std::shared_ptr<simulated_tables>> simulated_tables::open(simulation_context& run,
                                                                 const simulated_projection& of,
                                                                 durable_tables& durable,
                                                                 projection_mode mode) {
  auto opened = table_store::open({});
  if (!opened)
    return std::move(opened).error();
  std::shared_ptr<table_store> inner{*std::move(opened)};
  if (durable.rows) {
    if (auto begun = inner->begin_batch(); !begun)
      return std::move(begun).error();
    inner->begin_event();
    table_writer to{inner->rows()};
    if (auto copied = of.copy(*durable.rows, to); !copied)
      return std::move(copied).error();
    if (auto published = inner->publish(durable.at); !published)
      return std::move(published).error();
  }
  return std::make_shared<simulated_tables>(run, durable, mode, std::move(inner));
}

std::optional<error> simulated_tables::disk_failure() {
  if (crashed_)
    return error{errc::shut_down, "simulated: the process has crashed"};
  if (!run_.random.chance(run_.faults.failed_rows))
    return std::nullopt;
  run_.note("rows not written", position());
  return error{run_.random.chance(0.5) ? errc::storage_full : errc::io_failed,
               "simulated: the rows cannot be written"};
}

/// Makes the rows that readers see durable.
result<void> simulated_tables::keep() {
  auto rows = inner_->read();
  if (!rows)
    return std::move(rows).error();
  auto at = inner_->checkpoint();
  if (!at)
    return std::move(at).error();
  durable_.rows.emplace(*std::move(rows));
  durable_.at = *at;
  run_.note("rows written", at->position);
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
  if (position() == durable_.at.position)
    return unflushed_rows::none;
  return run_.random.chance(0.3) ? unflushed_rows::due : unflushed_rows::some;
}

result<void> simulated_tables::flush_all() {
  if (auto failure = disk_failure())
    return *std::move(failure);
  return keep();
}

} // namespace cairn::detail
