#pragma once

#include <cairn/log.hpp>

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace cairn::detail {

/// The application's log sink, as the parts of a runtime see it. Any thread, but none that holds a
/// lock which a function of the public interface takes.
class logger {
public:
  /// Empty: the default sink.
  explicit logger(log_sink sink);

  void write(log_level level, std::string_view name,
             std::initializer_list<log_field> fields) noexcept;

  /// For what may come very often: at most once a second, with the number of those left out since
  /// then. `last` is of the name.
  struct pace {
    std::atomic<std::int64_t> next_ms = 0;
    std::atomic<std::uint64_t> left_out = 0;
  };
  void write_rarely(pace& last, log_level level, std::string_view name,
                    std::initializer_list<log_field> fields) noexcept;

  /// Entries that the sink has thrown at, or that came from within it.
  std::uint64_t failures() const noexcept { return failures_.load(std::memory_order_relaxed); }

  pace not_rebuilt;
  pace clock_failed;

private:
  void write_all(log_level level, std::string_view name,
                 std::span<const log_field> fields) noexcept;

  const log_sink sink_;
  std::atomic<std::uint64_t> failures_ = 0;
};

} // namespace cairn::detail
