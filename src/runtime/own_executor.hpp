#pragma once

#include "scheduling/executor.hpp"

#include <cairn/result.hpp>

#include <cstddef>
#include <memory>

namespace cairn::detail {

/// What a runtime that the application opens without an actor system of its own runs on: the
/// scheduler of a CAF system that belongs to the runtime (`caf_executor.cpp`), or, in a build
/// without CAF, plain threads (`own_executor_threads.cpp`). `threads`: at least 1.
///
/// To be stopped when the runtime has closed. Errors: `io_failed`: the system has no more threads
/// to give.
result<std::shared_ptr<executor>> start_own_executor(std::size_t threads);

} // namespace cairn::detail
