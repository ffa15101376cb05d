#pragma once

#include <chrono>
#include <cstdint>
#include <iomanip>
#include <sstream>
#include <string>
#include <string_view>

namespace cairn::detail {

/// What happens in a run, in its order: always hashed, and written down if that is wanted. One
/// thread.
class trace {
public:
  explicit trace(bool written_down) : written_down_{written_down} {}

  bool written_down() const noexcept { return written_down_; }

  void note(std::chrono::nanoseconds now, const char* what, std::uint64_t a, std::uint64_t b,
            std::uint64_t c) {
    for (const char* at = what; *at != '\0'; ++at)
      hash_ = (hash_ ^ static_cast<unsigned char>(*at)) * prime;
    for (const auto number : {static_cast<std::uint64_t>(now.count()), a, b, c})
      add(number);
    if (!written_down_)
      return;
    text_ << '\n'
          << std::setw(12) << std::fixed << std::setprecision(6)
          << std::chrono::duration<double>{now}.count() << "  " << what;
    for (const auto number : {a, b, c})
      text_ << ' ' << number;
  }

  /// Adds words to what was noted last. They are not hashed.
  void say(std::string_view text) {
    if (written_down_)
      text_ << "  " << text;
  }

  std::uint64_t digest() const noexcept { return hash_; }
  std::string text() const { return text_.str(); }

private:
  static constexpr std::uint64_t prime = 0x100000001b3U; // FNV-1a, 64 bits

  void add(std::uint64_t number) noexcept {
    hash_ = (hash_ ^ number) * 0x9e3779b97f4a7c15U;
    hash_ ^= hash_ >> 29;
  }

  const bool written_down_;
  std::uint64_t hash_ = 0xcbf29ce484222325U;
  std::ostringstream text_;
};

} // namespace cairn::detail
