#pragma once

#include <cairn/result.hpp>

#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <pthread.h>

namespace cairn::detail {

/// Starts a thread with a name (at most 15 bytes). Errors: `io_failed` if the system has none to
/// give.
template <class Function>
result<std::thread> start_thread(const char* name, Function run) {
  try {
    std::thread started{std::move(run)};
    pthread_setname_np(started.native_handle(), name);
    return started;
  } catch (const std::system_error& failure) {
    return error{errc::io_failed,
                 std::string{"cannot start the thread "} + name + ": " + failure.what()};
  }
}

} // namespace cairn::detail
