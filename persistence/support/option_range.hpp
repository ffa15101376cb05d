#pragma once

#include <cairn/result.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace cairn::detail {

/// The longest time that an option may name, a hundred years: a deadline that far away is still a
/// number of nanoseconds, on any clock.
inline constexpr std::chrono::milliseconds longest_option_time = std::chrono::hours{24 * 365 * 100};

/// `OPTION is N; it must lie in [a, b]`.
error out_of_range(std::string_view option, const std::string& value, const std::string& least,
                   const std::string& most);

/// Checks the options of one struct, each against its range, and keeps the error of the first that
/// is outside it.
///
///     return option_ranges{"lmdb_journal_options"}
///         .check("max_commit_events", options.max_commit_events, 1, most_commit_events)
///         .check("idle_timeout", options.idle_timeout)
///         .outcome();
class option_ranges {
public:
  /// `owner`: the struct's name; errors begin with it.
  explicit option_ranges(std::string_view owner) : owner_{owner} {}

  template <std::unsigned_integral Number>
  option_ranges& check(std::string_view option, Number value,
                       std::type_identity_t<Number> least = 0,
                       std::type_identity_t<Number> most = std::numeric_limits<Number>::max()) {
    if (value < least || value > most)
      refuse(option, std::to_string(value), std::to_string(least), std::to_string(most));
    return *this;
  }

  /// NaN is outside every range.
  option_ranges& check(std::string_view option, double value, double least, double most);

  option_ranges& check(std::string_view option, std::chrono::milliseconds value,
                       std::chrono::milliseconds least = std::chrono::milliseconds::zero(),
                       std::chrono::milliseconds most = longest_option_time);

  /// Errors: `invalid_argument`, naming the option, its value and its range.
  result<void> outcome() const { return failure_ ? result<void>{*failure_} : result<void>{}; }

private:
  void refuse(std::string_view option, const std::string& value, const std::string& least,
              const std::string& most);

  std::string_view owner_;
  std::optional<error> failure_;
};

} // namespace cairn::detail
