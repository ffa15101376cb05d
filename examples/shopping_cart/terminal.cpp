#include "terminal.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <ctime>
#include <iostream>

#include <unistd.h>

namespace shop {
namespace {

constexpr std::uint64_t bar_width = 40;
constexpr std::chrono::milliseconds between_updates{100};

} // namespace

std::string with_thousands(std::uint64_t number) {
  auto text = std::to_string(number);
  for (std::size_t place = text.size(); place > 3;)
    text.insert(place -= 3, 1, ',');
  return text;
}

std::string money(std::uint64_t cents) {
  const auto rest = cents % 100;
  return std::to_string(cents / 100) + (rest < 10 ? ".0" : ".") + std::to_string(rest);
}

std::string utc_time(std::chrono::sys_time<std::chrono::nanoseconds> when, int decimals) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(when);
  const std::time_t calendar = std::chrono::system_clock::to_time_t(seconds);
  std::tm parts{};
  gmtime_r(&calendar, &parts);
  std::array<char, 32> text{};
  const auto size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  auto fraction = std::to_string((when - seconds).count());
  fraction.insert(0, 9 - fraction.size(), '0');
  fraction.resize(static_cast<std::size_t>(std::clamp(decimals, 0, 9)));
  return std::string{text.data(), size} + (fraction.empty() ? "" : "." + fraction) + 'Z';
}

progress_bar::progress_bar() : on_terminal_{isatty(STDERR_FILENO) == 1} {}

void progress_bar::show(std::uint64_t done, std::uint64_t all) {
  const auto now = std::chrono::steady_clock::now();
  if (!on_terminal_ || all == 0 || now - shown_at_ < between_updates)
    return;
  shown_at_ = now;
  visible_ = true;
  done = std::min(done, all);
  const auto share = static_cast<double>(done) / static_cast<double>(all);
  const auto filled = static_cast<std::size_t>(share * bar_width);
  std::cerr << "\r[" << std::string(filled, '#') << std::string(bar_width - filled, ' ') << "] "
            << static_cast<int>(share * 100) << " %" << std::flush;
}

void progress_bar::clear() {
  if (visible_)
    std::cerr << "\r\033[K" << std::flush;
  visible_ = false;
}

} // namespace shop
