#pragma once

#include <cairn/append.hpp>
#include <cairn/event_readers.hpp>
#include <cairn/event_view.hpp>
#include <cairn/journal_schemas.hpp>
#include <cairn/result.hpp>
#include <cairn/snapshot.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

namespace cairn {

/// What a journal reports about itself. All counts are since it was opened.
struct journal_status {
  cairn::position last_position{}; ///< Of the last durable event; 0: the journal is empty.
  std::uint64_t epoch = 0;         ///< Of this opening.
  std::uint64_t commits = 0;
  std::uint64_t appended_events = 0;
  std::uint64_t appended_bytes = 0;
  std::uint64_t queued_operations = 0;
  std::uint64_t queued_bytes = 0;
  std::uint64_t replayed_at_open = 0;  ///< Records read from the unflushed tail when it was opened.
  std::uint64_t unflushed_heads = 0;   ///< Rows (heads, reservations, tags) that disk lacks.
  std::uint64_t damaged_snapshots = 0; ///< Snapshots that were found damaged and ignored.
  std::chrono::milliseconds oldest_reader{
      0};                          ///< Age of the oldest read transaction of this process.
  std::optional<error> stopped_by; ///< Set once the journal has stopped writing.
};

/// Appends events to streams and replays them in commit order.
///
/// It is the sum of its parts, each an interface of its own: code that needs one part takes that
/// one. One thread of the journal's own appends while any number replay; a replay neither blocks
/// the writer nor is blocked by it. All functions may be called from any thread.
class journal : public appender,
                public stream_reader,
                public log_reader,
                public event_index,
                public snapshot_store,
                public schema_registry {
public:
  virtual ~journal() = default;

  virtual journal_status status() const = 0;

  /// Opens a journal that has stopped writing (`journal_status::stopped_by`) again, in place, and
  /// goes on with what is durable: that may include appends whose outcome was unknown. Everything
  /// that opening checks is checked again, and also that what is found continues what this journal
  /// has shown: so positions that a caller has kept stay true. References to this journal stay
  /// valid. Counts begin anew, and the epoch is a new one.
  ///
  /// If it has not stopped, does nothing. Waits for replays that are running. Not from within a
  /// visitor or an `append_listener`. While it is opened again, and after that has failed, appends
  /// and reads fail with `journal_stopped`, and who waits for a position goes on waiting; it may
  /// be called again.
  ///
  /// Errors: those of opening the journal; `corrupt_journal` too if another journal, or another
  /// history of this one, is found; `shut_down`.
  virtual result<void> reopen() = 0;

  /// Finishes what is queued, flushes what trails, and closes: every later call fails with
  /// `shut_down`. Replays that are running are waited for; who waits for a position is woken. The
  /// destructor does the same and drops the error. Errors: `io_failed`, `journal_stopped`,
  /// `not_owner`.
  virtual result<void> close() = 0;
};

} // namespace cairn
