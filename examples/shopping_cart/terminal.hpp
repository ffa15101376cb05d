#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace shop {

/// 1234567 -> "1,234,567"
std::string with_thousands(std::uint64_t number);

/// 123456 -> "1234.56"
std::string money(std::uint64_t cents);

/// RFC 3339, UTC, with as many digits of a second as asked for: "2025-01-31T12:00:00.123Z".
std::string utc_time(std::chrono::sys_time<std::chrono::nanoseconds> when, int decimals);

/// A progress bar on standard error, if that is a terminal; otherwise nothing.
class progress_bar {
public:
  progress_bar();
  ~progress_bar() { clear(); }
  progress_bar(const progress_bar&) = delete;
  progress_bar& operator=(const progress_bar&) = delete;

  /// Shows `done` of `all` (0: unknown), at most ten times a second.
  void show(std::uint64_t done, std::uint64_t all);

  /// Makes room for other output.
  void clear();

private:
  bool on_terminal_;
  bool visible_ = false;
  std::chrono::steady_clock::time_point shown_at_{};
};

} // namespace shop
