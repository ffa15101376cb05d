#pragma once

#include "aggregates/deduplication_window.hpp"

#include <cairn/detail/model.hpp>

#include <memory>

namespace cairn::detail {

/// An aggregate as the journal has it.
struct rehydrated {
  std::unique_ptr<aggregate_state> state;
  stream_head at;
  cairn::version snapshot_version{}; ///< 0: it was folded from its first event.
  bool ignored_snapshot = false;     ///< There is one, of another schema than the program's.
};

/// Rebuilds an aggregate from its snapshot and the events after it, and fills `window` with its
/// recent commands. Errors: those of `snapshot_store::load_snapshot` and `stream_reader::replay`,
/// `evolve_failed`.
result<rehydrated> rehydrate(const stream_reader& events, const snapshot_store& snapshots,
                             const aggregate_model& model, const stream_id& stream,
                             deduplication_window& window);

} // namespace cairn::detail
