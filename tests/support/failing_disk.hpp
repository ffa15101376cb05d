#pragma once

#include "io_shim.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <optional>

namespace test {

/// Lets the call with a given number fail, and counts them.
class failing_disk final : public io_observer {
public:
  /// `at`: from 1; 0: none fails.
  failing_disk(std::uint64_t at, io_failure how) : at_{at}, how_{how} {}

  std::optional<io_failure> before(const io_call&) override {
    return ++calls_ == at_ ? std::optional{how_} : std::nullopt;
  }
  void after(const io_call&, bool) override {}

  std::uint64_t calls() const noexcept { return calls_; }
  bool has_failed() const noexcept { return at_ != 0 && calls_ >= at_; }

private:
  const std::uint64_t at_;
  const io_failure how_;
  std::atomic<std::uint64_t> calls_ = 0;
};

struct disk_failure {
  const char* name;
  io_failure how;
};

/// A disk that refuses, one that gives up half-way, and one that has done it and says it has not.
inline constexpr std::array<disk_failure, 6> disk_failures{{
    {"EIO", {.error = EIO}},
    {"EIO, part of it written", {.error = EIO, .first = true}},
    {"EIO, though done", {.error = EIO, .done = true}},
    {"ENOSPC", {.error = ENOSPC}},
    {"ENOSPC, part of it written", {.error = ENOSPC, .first = true}},
    {"ENOSPC, though done", {.error = ENOSPC, .done = true}},
}};

} // namespace test
