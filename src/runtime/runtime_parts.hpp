#pragma once

#include <cairn/runtime.hpp>

#include "aggregates/engine.hpp"
#include "aggregates/reading_hosts.hpp"
#include "projections/projection_set.hpp"
#include "scheduling/executor.hpp"

#include <memory>
#include <mutex>
#include <optional>

namespace cairn {

/// What a runtime is made of, in the order of making; closing goes backwards.
struct runtime::parts {
  std::unique_ptr<cairn::journal> events;
  std::unique_ptr<detail::projection_set> projections;
  std::shared_ptr<detail::executor> executor;   ///< Null: open for reading.
  std::shared_ptr<detail::engine> engine;       ///< Null: open for reading.
  std::optional<detail::reading_hosts> reading; ///< Empty: open for writing.
  std::mutex closing; ///< Held while closing, so that everyone who closes waits for the end of it.
  bool closed = false;

  detail::subscription_hub& subscriptions() noexcept {
    return engine ? engine->subscriptions() : reading->subscriptions();
  }
};

/// For the other ways of opening a runtime.
struct runtime_access {
  /// Opens a runtime on this executor, or, if it is null, on one of its own.
  static result<runtime> open(runtime_options options, std::shared_ptr<detail::executor> on);
  /// Null: it is open for reading.
  static detail::executor* executor_of(runtime& opened) { return opened.parts_->executor.get(); }
};

} // namespace cairn
