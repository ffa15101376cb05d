#include "runtime/own_executor.hpp"

#include "scheduling/thread_executor.hpp"

#include <utility>

namespace cairn::detail {

result<std::shared_ptr<executor>> start_own_executor(std::size_t threads) {
  auto started = thread_executor::start(threads);
  if (!started)
    return std::move(started).error();
  return std::shared_ptr<executor>{*std::move(started)};
}

} // namespace cairn::detail
