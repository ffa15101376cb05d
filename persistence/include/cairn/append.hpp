#pragma once

#include <cairn/event_batch.hpp>
#include <cairn/ids.hpp>
#include <cairn/position.hpp>
#include <cairn/result.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace cairn {

/// Where an append landed: the events have the versions `first_version ... first_version + count -
/// 1` and, without a gap, the positions from `first_position` on. A barrier (an append of nothing)
/// has `count` 0.
struct commit {
  cairn::position first_position{};
  cairn::version first_version{};
  std::uint64_t count = 0;

  bool operator==(const commit&) const = default;
};

/// The end of a stream: the version and position of its last event; both 0: it has none.
struct stream_head {
  cairn::version version{};
  cairn::position position{};

  bool operator==(const stream_head&) const = default;
};

class append_listener;

/// One append on its way through the journal. Derive from it to carry along what belongs to it.
///
/// The journal owns it from `submit` until it hands it to `target`, with `outcome` set. If it was
/// appended, its records then are as the journal holds them.
class append_operation {
public:
  append_operation(const stream_id& of_stream, expected_version demand, append_listener& receiver,
                   std::size_t max_event_bytes = default_max_event_bytes)
    : events{max_event_bytes}, stream{&of_stream}, expected{demand}, target{&receiver} {}
  virtual ~append_operation() = default;
  append_operation(const append_operation&) = delete;
  append_operation& operator=(const append_operation&) = delete;

  /// Whether another operation that this one builds upon was refused. Asked right before this one
  /// would take effect; then it is refused with `aborted`. An expected version alone does not tell:
  /// somebody else's events may have brought the stream to that version. Not asked of a barrier.
  virtual bool orphaned() const noexcept { return false; }

  /// Told as soon as it is certain that no event of this operation will be written, before a later
  /// operation is asked whether it is `orphaned`, and before the operation is handed back.
  virtual void refused() noexcept {}

  /// All of them are appended, or none. Empty: a barrier, which completes when all that was
  /// submitted before it is durable, and fails when the journal has stopped.
  event_batch events;

  const stream_id* stream;   ///< Must outlive the operation.
  expected_version expected; ///< Not looked at for a barrier.
  append_listener* target;   ///< Must outlive the operation.

  /// Set by the journal before it hands the operation back.
  ///
  /// Errors, with nothing written: `version_conflict` (carries the actual version), `aborted`
  /// (`orphaned`), `storage_full`, `not_owner`, `io_failed`, `journal_stopped`, `corrupt_record`
  /// (the stream's head is damaged); and, from within `submit`, `invalid_argument` (a record larger
  /// than the journal takes, or events of another stream), `overloaded` (the journal's own queue is
  /// full), `shut_down`, `already_open` (in a child made by fork).
  /// - `not_owner`: this journal never writes again unless it is opened again, and what it keeps in
  ///   memory of streams may be out of date.
  /// - `key_held`: see `refused_reservation`.
  /// - `corrupt_journal`: the row of a key that was to be reserved or released is damaged.
  ///
  /// `outcome_unknown`: the commit failed; the events may or may not be durable. If the engine
  /// cannot find out (a sync that failed), it stops, and `journal::reopen` shows what happened: the
  /// events are there or they are not. If it can (by looking for the batch on a new connection,
  /// after one was lost during COMMIT), it keeps this operation and all later ones until it knows,
  /// and then completes them with the true outcome: callers only see a slow commit.
  std::optional<result<commit>> outcome;

  /// With `key_held`: the index, in `events.reservations()`, of the first whose key another stream
  /// holds.
  std::size_t refused_reservation = 0;
};

/// Receives finished appends.
class append_listener {
public:
  /// Takes operations of one commit that follow one another and named this target, in commit order,
  /// each with its outcome. An operation is handed back only after all that were submitted before
  /// it, whatever their targets. Called on the journal's writer thread, so it must be short: the
  /// next commit waits for it. The in-memory journal calls it within `submit`, and so does every
  /// journal for an operation that `submit` itself refuses. Must not call `submit` on the same
  /// journal.
  virtual void on_completed(std::vector<std::unique_ptr<append_operation>> operations) noexcept = 0;

protected:
  ~append_listener() = default;
};

/// Takes appends: the part of a journal that writes events.
class appender {
public:
  /// Queues an append. Operations take effect in the order of submission; those queued together
  /// share one commit and one sync. The outcome reaches `operation->target` exactly once, also when
  /// the journal is closed.
  virtual void submit(std::unique_ptr<append_operation> operation) = 0;

  /// Appends and waits: on return all of `events` are durable, or none is. Errors:
  /// `append_operation::outcome`. Not from within an `append_listener` or a visitor.
  result<commit> append(const stream_id& stream, expected_version expected, event_batch events);

protected:
  ~appender() = default;
};

} // namespace cairn
