#include "support/start_thread.hpp"

#include <pthread.h>

#include <string>
#include <system_error>
#include <utility>

namespace cairn::detail {

result<std::thread> start_thread(const char* name, std::function<void()> work) {
  try {
    std::thread started{std::move(work)};
    pthread_setname_np(started.native_handle(), name);
    return started;
  } catch (const std::system_error& refused) {
    return error{errc::io_failed,
                 "cannot start the thread " + std::string{name} + ": " + refused.what()};
  }
}

} // namespace cairn::detail
