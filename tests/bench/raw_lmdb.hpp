#pragma once

#include "latency_histogram.hpp"

#include <cairn/journal.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

struct MDB_txn;

/// The ceilings: what LMDB alone does with the same data, on one thread, every commit synced.
namespace bench {

/// How much work took how long.
struct measured {
  std::uint64_t count = 0;
  std::chrono::duration<double> time{0};

  double per_second() const noexcept {
    return time.count() > 0 ? static_cast<double>(count) / time.count() : 0;
  }
};

/// A log in the journal's layout, filled by LMDB alone: position -> value, appended with the
/// position of the stream's previous event in the value; heads (stream -> position and version) are
/// kept in memory and put in key order once for every 262,144 events. No checksums, no names of
/// streams, no checks. LMDB's default flags, so that every commit is synced.
class raw_log {
public:
  static constexpr std::size_t commit_events = 4096;     // the journal's default
  static constexpr std::size_t flush_interval = 262'144; // the journal's default

  /// Throws `failure`, as everything here does.
  raw_log(const std::filesystem::path& directory, std::size_t value_bytes, std::size_t streams);
  ~raw_log();

  /// Appends values to streams chosen at random, `per_commit` in a commit, until the time or the
  /// number is reached; notes each commit's duration if asked to.
  measured append(std::size_t per_commit, std::chrono::duration<double> at_most,
                  std::uint64_t events_at_most, latency_histogram* commits = nullptr);

private:
  struct environment;
  void commit(std::size_t events);
  void flush_heads(MDB_txn* txn);

  std::unique_ptr<environment> environment_;
  std::vector<std::uint64_t> value_;
  std::vector<std::uint64_t> heads_;
  std::vector<std::uint64_t> versions_;
  std::vector<bool> is_dirty_;
  std::vector<std::uint64_t> dirty_;
  std::mt19937_64 random_{42};
  std::uint64_t position_ = 0;
  std::uint64_t flushed_ = 0;
};

/// Rows like those of a projection, put by LMDB alone: one row for each event, of rows chosen at
/// random, as they come.
class raw_rows {
public:
  raw_rows(const std::filesystem::path& directory, std::size_t rows);
  ~raw_rows();

  measured put(std::size_t per_commit, std::chrono::duration<double> at_most,
               std::uint64_t rows_at_most);

private:
  struct environment;
  std::unique_ptr<environment> environment_;
  std::size_t rows_;
  std::mt19937_64 random_{42};
};

/// A journal's log, read by LMDB alone. The journal must not be open in this process.
class raw_reader {
public:
  explicit raw_reader(const std::filesystem::path& journal_directory);
  ~raw_reader();

  enum class touch { one_word, every_word };

  /// Walks each stream from its head to its first event by the back pointers in the records, in one
  /// read transaction and with one cursor.
  measured walk(std::span<const cairn::stream_head> heads, touch touched);

  /// Reads the last `records` of the log in order.
  measured scan_tail(std::uint64_t records, touch touched = touch::one_word);

private:
  struct environment;
  std::unique_ptr<environment> environment_;
  volatile std::uint64_t sum_ = 0; // so that no read is left out
};

/// "0.9.24"
std::string lmdb_version();

} // namespace bench
