#pragma once

#include <cairn/journal.hpp>
#include <cairn/lmdb_journal.hpp>

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

namespace crash {

/// Writes a journal with everything in it that a journal can hold: many streams, appends of one and
/// of several events, values that lie within a page and beyond, snapshots, heads that trail.
class sample_writer {
public:
  sample_writer(cairn::journal& journal, std::uint64_t seed);

  /// One append of 1 to 3 events to some stream and, now and then, a snapshot of it. Returns the
  /// last position that is durable now.
  cairn::result<std::uint64_t> append();

private:
  cairn::journal& journal_;
  std::mt19937_64 random_;
};

/// How a sample is opened: small limits, so that every path is taken often.
cairn::lmdb_journal_options sample_options(const std::filesystem::path& directory);

/// All streams that a sample can have.
const std::vector<cairn::stream_id>& sample_streams();

/// All that can be read, in numbers.
struct contents {
  /// A digest of the events from the first to each position; element 0 is that of none.
  std::vector<std::uint64_t> log;
  /// Of each stream its head, its events as a replay shows them, and its snapshot.
  std::uint64_t streams = 0;
  std::uint64_t replayed = 0;  ///< Events that the replays of all streams showed.
  std::uint64_t snapshots = 0; ///< How many.

  bool operator==(const contents&) const = default;
};

/// Reads it by every way there is. Errors: those of the journal.
cairn::result<contents> contents_of(const cairn::journal& journal);

} // namespace crash
