#include "support/option_range.hpp"

#include <charconv>

namespace cairn::detail {
namespace {

/// The shortest text that reads as this number again, in any locale.
std::string text_of(double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return {buffer, end};
}

std::string text_of(std::chrono::milliseconds time) {
  return std::to_string(time.count()) + " ms";
}

} // namespace

error out_of_range(std::string_view option, const std::string& value, const std::string& least,
                   const std::string& most) {
  return {errc::invalid_argument,
          std::string{option} + " is " + value + "; it must lie in [" + least + ", " + most + "]"};
}

option_ranges& option_ranges::check(std::string_view option, double value, double least,
                                    double most) {
  if (!(value >= least && value <= most))
    refuse(option, text_of(value), text_of(least), text_of(most));
  return *this;
}

option_ranges& option_ranges::check(std::string_view option, std::chrono::milliseconds value,
                                    std::chrono::milliseconds least,
                                    std::chrono::milliseconds most) {
  if (value < least || value > most)
    refuse(option, text_of(value), text_of(least), text_of(most));
  return *this;
}

void option_ranges::refuse(std::string_view option, const std::string& value,
                           const std::string& least, const std::string& most) {
  if (!failure_)
    failure_ = out_of_range(std::string{owner_} + "::" + std::string{option}, value, least, most);
}

} // namespace cairn::detail
