#pragma once

#include <cairn/runtime.hpp>

#include "core/runtime_core.hpp"

#include <memory>

namespace cairn {

/// For the other ways of opening a runtime.
struct runtime_access {
  /// Opens a runtime on this executor, or, if it is null, on one of its own.
  static result<runtime> open(runtime_options options, std::shared_ptr<detail::executor> on);
  /// Null: it is closed.
  static std::shared_ptr<detail::executor> executor_of(const runtime& opened) {
    return opened.core().engine()->runs_on();
  }
};

} // namespace cairn
