#pragma once

#include <cairn/result.hpp>

#include <functional>
#include <thread>

namespace cairn::detail {

/// Starts a thread, where `std::thread` alone would throw. `name`: at most 15 characters, shown by
/// ps and debuggers. Errors: `io_failed`: the system lets nobody, or not this user, have one more.
result<std::thread> start_thread(const char* name, std::function<void()> work);

} // namespace cairn::detail
