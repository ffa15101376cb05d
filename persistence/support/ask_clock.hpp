#pragma once

#include <cairn/result.hpp>

#include <chrono>
#include <functional>

namespace cairn::detail {

/// The application's clock; empty: `steady_clock`.
using application_clock = std::function<std::chrono::steady_clock::time_point()>;

/// What time it is. Errors: `decide_failed`: the clock threw.
result<std::chrono::steady_clock::time_point> ask_clock(const application_clock& clock) noexcept;

} // namespace cairn::detail
