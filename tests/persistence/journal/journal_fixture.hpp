#pragma once

#include <cairn/lmdb_journal.hpp>
#include <cairn/memory_journal.hpp>

#include <test_events.capnp.h>

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::test {

inline constexpr auto to_the_end = version::max();

/// A directory of the test's own, gone with it.
class temporary_directory {
public:
  temporary_directory();
  ~temporary_directory();
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

private:
  std::filesystem::path path_;
};

/// Fails the test with the error's text instead of stopping the program.
template <class T>
T must(result<T> outcome) {
  if (!outcome)
    FAIL(to_string(outcome.error().code()), ": ", outcome.error().message());
  return *std::move(outcome);
}
inline void must(result<void> outcome) {
  if (!outcome)
    FAIL(to_string(outcome.error().code()), ": ", outcome.error().message());
}

/// The error of an outcome that must be one.
template <class T>
error failure_of(const result<T>& outcome) {
  REQUIRE_FALSE(outcome.has_value());
  return outcome.error();
}

stream_id stream(std::string_view id);

/// Writes a `Noted` with this number, and bytes to make it as large as wanted.
void note(capnp::AnyPointer::Builder payload, std::uint64_t number, std::size_t blob_bytes = 0);

/// A batch of `count` events numbered from `first`.
event_batch notes(const stream_id& stream, std::uint64_t first, std::size_t count = 1,
                  std::size_t blob_bytes = 0);

std::uint64_t number_in(const event_view& event);

/// What a replay shows of an event.
struct seen_event {
  cairn::position position;
  cairn::version version;
  std::uint64_t number;
  bool operator==(const seen_event&) const = default;
};
std::ostream& operator<<(std::ostream& out, const seen_event& event);

std::vector<seen_event> events_of(const journal& journal, const stream_id& stream,
                                  version from = version{1}, version to = to_the_end);
std::vector<seen_event> all_events(const journal& journal, position from = position{1});

/// A snapshot whose state is `sum`.
snapshot_draft tally(const stream_id& stream, stream_head at, std::uint64_t sum,
                     std::uint64_t fingerprint = 7);

/// The sum in the newest snapshot; nothing if there is none.
std::optional<std::uint64_t> kept_tally(const journal& journal, const stream_id& stream);

/// Returns when all that was submitted before is done.
void barrier(journal& journal, const stream_id& stream);

/// A copy of the journal's file, or of another one, as a crash would leave it: nothing is closed or
/// flushed. What was at `to` is replaced; returns `to`.
std::filesystem::path crashed_copy(const std::filesystem::path& directory,
                                   const std::filesystem::path& to,
                                   std::string_view file = "journal.mdb");

/// The position (1) and clock of tests that compare bytes.
inline constexpr std::chrono::sys_time<std::chrono::nanoseconds> fixed_time{
    std::chrono::nanoseconds{1'700'000'000'123'456'789}};

/// All implementations, for the contract suite.
struct implementation {
  std::string name;
  std::function<std::unique_ptr<journal>(const std::filesystem::path& directory)> open;
};
const std::vector<implementation>& implementations();

/// Small limits, so that every path is taken often: tiny slices, tiny flush cycles.
lmdb_journal_options small_options(const std::filesystem::path& directory);

} // namespace cairn::test

/// Runs the body once for each implementation, with an open `journal`.
#define FOR_EACH_JOURNAL(journal)                                                                  \
  for (const auto& implementation_ : ::cairn::test::implementations())                             \
    if (const ::cairn::test::temporary_directory directory_; true)                                 \
      if (const auto journal##_owner_ = implementation_.open(directory_ / "journal"); true)        \
        if (auto& journal = *journal##_owner_; true)                                               \
          if (const doctest::detail::ContextScope scope_{                                          \
                  [&](std::ostream* out) { *out << implementation_.name; }};                       \
              true)
