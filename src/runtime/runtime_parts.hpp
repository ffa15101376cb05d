#pragma once

#include <cairn/runtime.hpp>

#include "aggregates/engine.hpp"
#include "aggregates/reading_hosts.hpp"
#include "projections/projection_set.hpp"
#include "scheduling/caf_seam.hpp"
#include "subscriptions/subscription_hub.hpp"

#include <memory>
#include <mutex>
#include <optional>

namespace cairn {

/// What a runtime is made of, in the order of making; closing goes backwards.
struct runtime::parts {
  std::unique_ptr<cairn::journal> events;
  std::shared_ptr<detail::subscription_hub> subscriptions;
  std::unique_ptr<detail::projection_set> projections;
  std::optional<detail::seam::owned_system> own_system; ///< Empty if the application's is used.
  std::shared_ptr<detail::engine> engine;               ///< Null: open for reading.
  std::optional<detail::reading_hosts> reading;         ///< Empty: open for writing.
  std::mutex closing; ///< Held while closing, so that everyone who closes waits for the end of it.
  bool closed = false;
};

/// For the other ways of opening a runtime.
struct runtime_access {
  /// Opens a runtime in `system`, or in a system of its own if that is null.
  static result<runtime> open(runtime_options options, caf::actor_system* system);
  static detail::engine& engine_of(runtime& opened) { return *opened.parts_->engine; }
};

} // namespace cairn
