#pragma once

#include <cairn/append.hpp>
#include <cairn/event_view.hpp>
#include <cairn/ids.hpp>
#include <cairn/result.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string_view>

/// The parts of a journal that read events: by stream, by position, by what is in them.
namespace cairn {

/// Reads one stream at a time. All functions may be called from any thread.
class stream_reader {
public:
  /// The newest durable head of the stream. Errors: `io_failed`, `corrupt_journal`, `shut_down`.
  virtual result<stream_head> head(const stream_id& stream) const = 0;

  /// Calls `visitor` for the events of `stream` with versions from `from_version` (at least 1) up
  /// to `to_version`, in order, in place, each checked against its checksum; sees the stream as of
  /// the call. Long streams are read in slices of at most 50 ms, so a replay never holds up the
  /// reclaiming of pages. Needs 32 bytes of memory for each event that does not lie right behind
  /// the stream's event before it.
  ///
  /// Returns the version of the last event visited, or `from_version - 1` if there was none.
  /// Errors: `invalid_argument` (`from_version` is 0), `corrupt_record` with its position,
  /// `corrupt_journal` if the chain of the stream is broken, `io_failed`, `shut_down`. The stream
  /// is found by walking back from its end: what lies before a damaged record is visited all the
  /// same if the record's back pointer still leads to the event before; if not, or if the chain is
  /// broken, nothing is. What the visitor throws passes through, except that `kj::Exception`
  /// becomes `corrupt_record`.
  virtual result<cairn::version> replay(const stream_id& stream, cairn::version from_version,
                                        cairn::version to_version, event_visitor visitor) const = 0;

protected:
  ~stream_reader() = default;
};

/// Reads all events in the order of positions, and tells of new ones. Positions are gap-free and
/// become visible in order: a reader that has seen position n has missed nothing below n. All
/// functions may be called from any thread.
///
/// Everything said here about positions holds within one shard. A function that takes a position
/// works on that position's shard, and fails with `invalid_argument` if the journal has no such
/// shard, or if it begins at a position whose number is 0. The journals on LMDB and in memory have
/// shard 0 only.
class log_reader {
public:
  /// Calls `visitor` for all events from `from_position` (its number at least 1) on, in the order
  /// of positions, up to the last that was durable when the call began. Returns the last position
  /// visited, or `from_position - 1`. Errors and slices as for `stream_reader::replay`, but that
  /// everything before the damage has been visited.
  virtual result<cairn::position> replay_all(cairn::position from_position,
                                             event_visitor visitor) const = 0;

  /// The last durable position; never less than before. One atomic read, but where the journal is
  /// open for reading only: a read transaction (about a microsecond), as nobody tells that process
  /// of commits. The last one known once the journal is closed or cannot be read.
  virtual cairn::position last_position() const noexcept = 0;

  /// Waits until the last durable position is beyond `position`, but not after `deadline`, and not
  /// once `interrupt` has been requested to stop. Returns the last durable position: not beyond
  /// `position` if the deadline or the interruption came first.
  ///
  /// A journal that is open for writing wakes those who wait with each commit, which costs the
  /// commit nothing while nobody waits. One that is open for reading looks by itself, first after
  /// 0.1 ms, then at longer and longer intervals up to 4 ms. Not from within an `append_listener`
  /// or a visitor. Errors: `shut_down` (also when the journal is closed meanwhile), `io_failed`.
  virtual result<cairn::position> wait_beyond(cairn::position position,
                                              std::chrono::steady_clock::time_point deadline,
                                              const std::stop_token& interrupt) const = 0;

  /// The same, not to be interrupted.
  result<cairn::position> wait_beyond(cairn::position position,
                                      std::chrono::steady_clock::time_point deadline) const {
    return wait_beyond(position, deadline, std::stop_token{});
  }

protected:
  ~log_reader() = default;
};

/// Receives the name of a stream (`type/id`), valid only during the call, and its head.
using stream_visitor = function_ref<visit_result(std::string_view name, stream_head head)>;

/// Finds events and streams by what they contain. All functions may be called from any thread.
class event_index {
public:
  /// Calls `visitor` for the events with this tag from `from_position` (its number at least 1) on,
  /// in the order of positions, up to the last that was durable when the call began. Costs a
  /// look-up for each of them, whatever lies between.
  ///
  /// Returns the position up to which the journal has been searched: the last durable one (at least
  /// `from_position - 1`), or that of the event that the visitor stopped at. Errors and slices as
  /// for `stream_reader::replay`; `invalid_argument` (no tag can be like this), `corrupt_journal`
  /// (the index is damaged).
  virtual result<cairn::position> replay_tag(std::string_view tag, cairn::position from_position,
                                             event_visitor visitor) const = 0;

  /// The stream that holds the key, as of the newest durable event; nothing if nobody does.
  /// Errors: `invalid_argument` (no key can be like this), `io_failed`, `corrupt_record`,
  /// `corrupt_journal`, `shut_down`.
  virtual result<std::optional<stream_id>> holder_of(std::string_view key) const = 0;

  /// Calls `visitor` with all streams whose name begins with `prefix` (empty: with all streams), in
  /// the order of names, each once, with a head that is at least as new as at the call. A stream
  /// that gets its first event during the call may be missing. Does not read the log: costs a row
  /// for each stream. A journal on disk needs memory for the names of the streams whose heads have
  /// not been flushed; it renews its read transaction as a replay does.
  ///
  /// Errors: `corrupt_journal` (a head is damaged: the streams before it have been visited),
  /// `corrupt_record`, `io_failed`, `shut_down`. What the visitor throws passes through.
  virtual result<void> visit_streams(std::string_view prefix, stream_visitor visitor) const = 0;

protected:
  ~event_index() = default;
};

} // namespace cairn
