#pragma once

#include <cairn/result.hpp>

#include <stdexcept>
#include <string>
#include <utility>

namespace bench {

/// Why the benchmark ends without a result. Thrown, and caught by `main`: so everything on the way
/// is cleaned up.
class failure : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// The value of a result that must not fail here.
template <class T>
T need(cairn::result<T> outcome, const char* what) {
  if (!outcome) {
    throw failure{std::string{what} + ": " + std::string{to_string(outcome.error().code())} + ": "
                  + outcome.error().message()};
  }
  if constexpr (!std::is_void_v<T>)
    return std::move(outcome).value();
}

} // namespace bench
