#include "support/logger.hpp"

#include <cairn/detail/user_code.hpp>

#include <chrono>
#include <cstdio>
#include <ostream>
#include <sstream>
#include <utility>
#include <vector>

namespace cairn {

std::string_view to_string(log_level level) noexcept {
  switch (level) {
    case log_level::info: return "info";
    case log_level::warning: return "warning";
    case log_level::error: return "error";
  }
  return "unknown level";
}

std::string_view log_entry::operator[](std::string_view key) const noexcept {
  for (const auto& field : fields)
    if (field.key == key)
      return field.value;
  return {};
}

std::ostream& operator<<(std::ostream& out, const log_entry& entry) {
  out << entry.name;
  for (const auto& [key, value] : entry.fields) {
    const bool plain = !value.empty() && value.find_first_of(" \"\\\n\r\t") == std::string::npos;
    out << ' ' << key << '=';
    if (plain) {
      out << value;
      continue;
    }
    out << '"';
    for (const char c : value) {
      if (c == '"' || c == '\\')
        out << '\\';
      out << (static_cast<unsigned char>(c) < 0x20 ? ' ' : c); // an entry is one line
    }
    out << '"';
  }
  return out;
}

log_sink default_log_sink() {
  return [](const log_entry& entry) {
    if (entry.level == log_level::info)
      return;
    std::ostringstream line;
    line << "cairn: " << to_string(entry.level) << ": " << entry << '\n';
    const auto text = line.str();
    (void)std::fwrite(text.data(), 1, text.size(), stderr);
  };
}

namespace detail {
namespace {

constexpr auto called_by_logger = user_code_set::of(user_code::log_sink);

} // namespace

logger::logger(log_sink sink) : sink_{sink ? std::move(sink) : default_log_sink()} {}

void logger::write(log_level level, std::string_view name,
                   std::initializer_list<log_field> fields) noexcept {
  write_all(level, name, fields);
}

void logger::write_all(log_level level, std::string_view name,
                       std::span<const log_field> fields) noexcept {
  const bool is_nested = !(user_code_scope::current() & called_by_logger).empty();
  if (is_nested) {
    failures_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const user_code_scope inside{user_code::log_sink};
  try {
    sink_({level, name, fields});
  } catch (...) {
    failures_.fetch_add(1, std::memory_order_relaxed);
  }
}

void logger::write_rarely(pace& last, log_level level, std::string_view name,
                          std::initializer_list<log_field> fields) noexcept {
  constexpr std::int64_t interval_ms = 1000;
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                       std::chrono::steady_clock::now().time_since_epoch())
                       .count();
  auto next = last.next_ms.load(std::memory_order_relaxed);
  if (now < next || !last.next_ms.compare_exchange_strong(next, now + interval_ms)) {
    last.left_out.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  std::vector<log_field> all{fields};
  all.push_back({"repeated", std::to_string(last.left_out.exchange(0))});
  write_all(level, name, all);
}

} // namespace detail
} // namespace cairn
