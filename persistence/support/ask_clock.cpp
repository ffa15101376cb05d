#include "support/ask_clock.hpp"

#include <cairn/detail/user_code.hpp>

#include <exception>
#include <string>

namespace cairn::detail {

result<std::chrono::steady_clock::time_point> ask_clock(const application_clock& clock) noexcept {
  if (!clock)
    return std::chrono::steady_clock::now();
  const user_code_scope inside{user_code::clock};
  try {
    return clock();
  } catch (const std::exception& thrown) {
    return error{errc::decide_failed,
                 "the application's clock threw: " + std::string{thrown.what()}};
  } catch (...) {
    return error{errc::decide_failed, "the application's clock threw"};
  }
}

} // namespace cairn::detail
