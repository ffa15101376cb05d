#pragma once

#include <cairn/runtime.hpp>

#include "core/runtime_core.hpp"

#include <caf/fwd.hpp>

namespace cairn {

/// For the other ways of opening a runtime.
struct runtime_access {
  /// Opens a runtime in `system`, or in a system of its own if that is null.
  static result<runtime> open(runtime_options options, caf::actor_system* system);
};

} // namespace cairn
