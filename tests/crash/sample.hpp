#pragma once

#include <cairn/journal.hpp>
#include <cairn/lmdb_journal.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace crash {

/// Writes a journal with everything in it that a journal can hold: many streams, appends of one and
/// of several events, values that lie within a page and beyond, tags, keys that are reserved and
/// given up, snapshots, rows that trail.
class sample_writer {
public:
  /// `on_durable` is told of the last position of each append, by the journal itself, at the moment
  /// in which the journal answers.
  sample_writer(cairn::journal& journal, std::uint64_t seed,
                std::function<void(cairn::position)> on_durable = {});

  /// One append of 1 to 3 events to some stream and, now and then, a snapshot of it; without the
  /// reservations if another stream holds a key. Returns the last position that is durable now.
  cairn::result<cairn::position> append();

private:
  cairn::result<cairn::event_batch> some_events(const cairn::stream_id& stream, bool reserving);
  cairn::result<cairn::commit> append_and_wait(const cairn::stream_id& stream,
                                               cairn::event_batch events);

  cairn::journal& journal_;
  std::function<void(cairn::position)> on_durable_;
  std::mt19937_64 random_;
};

/// Declares schemas, as each opening of a sample does first: a generation for each `number`.
cairn::result<void> declare_sample_schemas(cairn::journal& journal, std::uint64_t number);

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
  /// A digest of what the index of tags finds, and of the keys that are held.
  std::uint64_t index = 0;
  std::uint64_t tagged = 0; ///< Events that it finds, for each tag.
  std::uint64_t held = 0;   ///< Keys.
  /// Tags whose events, and keys whose holders, are not those that the log says.
  std::uint64_t mistaken = 0;
  std::vector<std::uint64_t> schemas; ///< A digest of each generation.
  std::uint64_t epoch = 0;            ///< Of the last event.

  bool operator==(const contents&) const = default;
};

/// Reads it by every way there is. Errors: those of the journal.
cairn::result<contents> contents_of(const cairn::journal& journal);

} // namespace crash
