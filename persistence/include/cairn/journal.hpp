#pragma once

#include <cairn/event_batch.hpp>
#include <cairn/function_ref.hpp>
#include <cairn/ids.hpp>
#include <cairn/journal_schemas.hpp>
#include <cairn/result.hpp>

#include <cairn/journal.capnp.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string_view>
#include <vector>

namespace cairn {

/// Where an append landed: the events have the versions `first_version ... first_version + count -
/// 1` and, without a gap, the positions from `first_position` on. A barrier (an append of nothing)
/// has `count` 0.
struct commit {
  std::uint64_t first_position = 0;
  std::uint64_t first_version = 0;
  std::uint64_t count = 0;

  bool operator==(const commit&) const = default;
};

/// The end of a stream: the version and position of its last event; both 0: it has none.
struct stream_head {
  std::uint64_t version = 0;
  std::uint64_t position = 0;

  bool operator==(const stream_head&) const = default;
};

class append_target;

/// One append on its way through the journal. Derive from it to carry what belongs to the append
/// along.
///
/// The journal owns it from `submit` until it hands it to `target`, with `outcome` set.
class append_operation {
public:
  append_operation(const stream_id& of_stream, expected_version demand, append_target& receiver,
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
  append_target* target;     ///< Must outlive the operation.

  /// Set by the journal before it hands the operation back.
  ///
  /// Errors, with nothing written: `version_conflict` (carries the actual version), `aborted`
  /// (`orphaned`), `storage_full`, `io_failed`, `journal_stopped`, `corrupt_record` (the stream's
  /// head is damaged); and, from within `submit`, `invalid_argument` (a record larger than the
  /// journal takes), `overloaded` (the journal's own queue is full), `shut_down`, `already_open`
  /// (in a child made by fork).
  /// `key_held`: see `refused_reservation`. `corrupt_journal`: the row of a key that was to be
  /// reserved or released is damaged.
  /// `outcome_unknown`: the commit failed; the events may or may not be durable.
  std::optional<result<commit>> outcome;

  /// With `key_held`: the index, in `events.reservations()`, of the first whose key another stream
  /// holds.
  std::size_t refused_reservation = 0;
};

/// Receives finished appends.
class append_target {
public:
  /// Takes operations of one commit that follow one another and named this target, in commit order,
  /// each with its outcome. An operation is handed back only after all that were submitted before
  /// it, whatever their targets. Called on the journal's writer thread, so it must be short: the
  /// next commit waits for it. The in-memory journal calls it within `submit`, and so does every
  /// journal for an operation that `submit` itself refuses. Must not call `submit` on the same
  /// journal.
  virtual void completed(std::vector<std::unique_ptr<append_operation>> operations) noexcept = 0;

protected:
  ~append_target() = default;
};

/// An event in the journal, in place: a view of memory that the journal owns.
///
/// Valid only during the visitor's call; copy what must live longer. Reading the payload may throw
/// `kj::Exception` if the bytes are not what the type says; `journal`'s replays turn that into
/// `corrupt_record`.
class event_view {
public:
  struct header {
    std::uint64_t position = 0;
    std::uint64_t version = 0;
    std::uint64_t previous = 0;
    std::uint64_t recorded_at_ns = 0;
    std::uint64_t epoch = 0;
  };

  /// `message`: the words that `record` is read from.
  event_view(const header& fixed, format::EventRecord::Reader record,
             std::span<const std::uint64_t> message) noexcept
    : header_{fixed}, record_{record}, message_{message} {}

  /// Place in the journal, from 1, without gaps, in commit order.
  std::uint64_t position() const noexcept { return header_.position; }
  /// Place in the stream, from 1, without gaps.
  std::uint64_t version() const noexcept { return header_.version; }
  /// Position of the stream's event before this one; 0: there is none.
  std::uint64_t previous() const noexcept { return header_.previous; }
  /// When the writer put it into a commit, by the wall clock of its machine: for people, never for
  /// order.
  std::chrono::sys_time<std::chrono::nanoseconds> recorded_at() const noexcept {
    return std::chrono::sys_time<std::chrono::nanoseconds>{
        std::chrono::nanoseconds{header_.recorded_at_ns}};
  }
  /// Which opening of the journal wrote it; counts up.
  std::uint64_t epoch() const noexcept { return header_.epoch; }

  /// `type/id`.
  std::string_view stream() const;
  /// The Cap'n Proto type id of the payload.
  std::uint64_t type() const { return record_.getType(); }
  message_id command_id() const { return {record_.getCommandIdHigh(), record_.getCommandIdLow()}; }
  message_id correlation_id() const;
  message_id causation_id() const;
  capnp::List<capnp::Text>::Reader tags() const { return record_.getTags(); }
  capnp::List<format::Reservation>::Reader reservations() const {
    return record_.getReservations();
  }
  capnp::AnyPointer::Reader payload() const { return record_.getPayload(); }
  format::EventRecord::Reader record() const noexcept { return record_; }

  /// What a copy is made of: the fixed part, and the one segment of the record's message.
  const header& fixed() const noexcept { return header_; }
  std::span<const std::uint64_t> message() const noexcept { return message_; }

private:
  header header_;
  format::EventRecord::Reader record_;
  std::span<const std::uint64_t> message_;
};

/// A visitor's answer.
enum class visit : bool { stop, go_on };

using event_visitor = function_ref<visit(const event_view&)>;

/// A command that had an effect, as the deduplication window remembers it.
struct recent_command {
  message_id id;
  std::uint64_t version = 0;  ///< Of its last event.
  std::uint64_t position = 0; ///< Of its last event.

  bool operator==(const recent_command&) const = default;
};

/// A state to be kept, for `journal::submit_snapshot`.
struct snapshot_draft {
  stream_id stream;
  stream_head at;                     ///< What the state stands for; must be durable already.
  std::uint64_t fingerprint;          ///< Of the state's schema.
  std::vector<std::uint64_t> message; ///< `format::SnapshotRecord`: the words of its one segment.

  /// Encodes one. `fill` writes the state into the pointer that it is given; what it throws passes
  /// through.
  static snapshot_draft encode(const stream_id& stream, stream_head at, std::uint64_t fingerprint,
                               std::span<const recent_command> recent,
                               function_ref<void(capnp::AnyPointer::Builder)> fill);
};

/// A kept state, in place; valid only during the visitor's call.
struct snapshot_view {
  stream_head at;
  format::SnapshotRecord::Reader record;
};

/// What a journal reports about itself. All counts are since it was opened.
struct journal_status {
  std::uint64_t last_position = 0; ///< Of the last durable event; 0: the journal is empty.
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
/// One thread of the journal's own appends while any number replay; a replay neither blocks the
/// writer nor is blocked by it. Positions are gap-free and become visible in order: a reader that
/// has seen position n has missed nothing below n. All functions may be called from any thread.
class journal {
public:
  virtual ~journal() = default;

  /// Queues an append. Operations take effect in the order of submission; those queued together
  /// share one commit and one sync. The outcome reaches `operation->target` exactly once, also when
  /// the journal is closed.
  virtual void submit(std::unique_ptr<append_operation> operation) = 0;

  /// Appends and waits: on return all of `events` are durable, or none is. Errors:
  /// `append_operation::outcome`. Not from within an `append_target` or a visitor.
  result<commit> append(const stream_id& stream, expected_version expected, event_batch events);

  /// The newest durable head of the stream. Errors: `io_failed`, `corrupt_journal`, `shut_down`.
  virtual result<stream_head> head(const stream_id& stream) const = 0;

  /// Calls `visitor` for the events of `stream` with versions from `from_version` (at least 1) up
  /// to `to_version`, in order, in place, each checked against its checksum; sees the stream as of
  /// the call. Long streams are read in slices of at most 50 ms, so a replay never holds up the
  /// reclaiming of pages. Needs 32 bytes of memory for each event that does not lie right behind
  /// the stream's event before it.
  ///
  /// Returns the version of the last event visited, or `from_version - 1` if there was none.
  /// Errors: `corrupt_record` with its position, `corrupt_journal` if the chain of the stream is
  /// broken, `io_failed`, `shut_down`. The stream is found by walking back from its end: what lies
  /// before a damaged record is visited all the same if the record's back pointer still leads to
  /// the event before; if not, or if the chain is broken, nothing is. What the visitor throws
  /// passes through, except that `kj::Exception` becomes `corrupt_record`.
  virtual result<std::uint64_t> replay(const stream_id& stream, std::uint64_t from_version,
                                       std::uint64_t to_version, event_visitor visitor) const = 0;

  /// Calls `visitor` for all events from `from_position` (at least 1) on, in the order of
  /// positions, up to the last that was durable when the call began. Returns the last position
  /// visited, or `from_position - 1`. Errors and slices as for `replay`, but that everything before
  /// the damage has been visited.
  virtual result<std::uint64_t> replay_all(std::uint64_t from_position,
                                           event_visitor visitor) const = 0;

  /// Calls `visitor` for the events with this tag from `from_position` (at least 1) on, in the
  /// order of positions, up to the last that was durable when the call began. Costs a look-up for
  /// each of them, whatever lies between.
  ///
  /// Returns the position up to which the journal has been searched: the last durable one (at least
  /// `from_position - 1`), or that of the event that the visitor stopped at. Errors and slices as
  /// for `replay`; `invalid_argument` (no tag can be like this), `corrupt_journal` (the index is
  /// damaged).
  virtual result<std::uint64_t> replay_tag(std::string_view tag, std::uint64_t from_position,
                                           event_visitor visitor) const = 0;

  /// The stream that holds the key, as of the newest durable event; nothing if nobody does.
  /// Errors: `invalid_argument` (no key can be like this), `io_failed`, `corrupt_record`,
  /// `corrupt_journal`, `shut_down`.
  virtual result<std::optional<stream_id>> holder_of(std::string_view key) const = 0;

  /// Keeps `snapshot` as the newest of its stream, some time soon: snapshots trail the log as heads
  /// do, and one that is lost in a crash costs a longer replay, nothing else. A snapshot of a
  /// version beyond the stream's head, or older than the kept one, is dropped.
  virtual void submit_snapshot(snapshot_draft snapshot) = 0;

  /// Calls `visitor` with the newest snapshot of `stream`. Returns false if there is none, or if it
  /// is damaged (its checksum or structure; counted in `status().damaged_snapshots`): then the
  /// state is rebuilt from the events. What the visitor throws passes through, except that
  /// `kj::Exception` counts as damaged. Errors: `io_failed`, `shut_down`.
  virtual result<bool> load_snapshot(const stream_id& stream,
                                     function_ref<void(const snapshot_view&)> visitor) const = 0;

  /// Compares the schemas that a program uses with those that the journal knows. What is new, or
  /// has grown by the rules of evolution (`schemas/README.md`), is recorded durably as one
  /// generation; what the journal has known before, in whichever generation, is not recorded again.
  /// So an older version of a program may take over from a newer one.
  ///
  /// Errors, with nothing recorded: `incompatible_schema` naming type and field, old and new (or
  /// the event type that occurs in the journal and that `used` lacks: for it the whole log is
  /// searched, once); `invalid_argument` (the owner), `storage_full`, `io_failed`,
  /// `corrupt_journal`, `corrupt_record`, `journal_stopped`, `shut_down`. A journal open for
  /// reading only compares.
  virtual result<void> declare_schemas(const schema_declaration& used) = 0;

  /// Calls `visitor` with all generations of schemas, oldest first. Errors: `corrupt_journal`,
  /// `io_failed`, `shut_down`. What the visitor throws passes through, except that `kj::Exception`
  /// becomes `corrupt_journal`.
  virtual result<void>
  visit_schemas(function_ref<void(const schema_generation&)> visitor) const = 0;

  /// The last durable position; never less than before. One atomic read, but where the journal is
  /// open for reading only: a read transaction (about a microsecond), as nobody tells that process
  /// of commits. The last one known once the journal is closed or cannot be read.
  virtual std::uint64_t last_position() const noexcept = 0;

  /// Waits until the last durable position is beyond `position`, but not after `deadline`, and not
  /// once `interrupt` has been requested to stop. Returns the last durable position: not beyond
  /// `position` if the deadline or the interruption came first.
  ///
  /// A journal that is open for writing wakes those who wait with each commit, which costs the
  /// commit nothing while nobody waits. One that is open for reading looks by itself, first after
  /// 0.1 ms, then at longer and longer intervals up to 4 ms. Not from within an `append_target` or
  /// a visitor. Errors: `shut_down` (also when the journal is closed meanwhile), `io_failed`.
  virtual result<std::uint64_t> wait_beyond(std::uint64_t position,
                                            std::chrono::steady_clock::time_point deadline,
                                            const std::stop_token& interrupt) const = 0;

  /// The same, not to be interrupted.
  result<std::uint64_t> wait_beyond(std::uint64_t position,
                                    std::chrono::steady_clock::time_point deadline) const {
    return wait_beyond(position, deadline, std::stop_token{});
  }

  virtual journal_status status() const = 0;

  /// Finishes what is queued, flushes what trails, and closes: every later call fails with
  /// `shut_down`. Replays that are running are waited for; who waits for a position is woken. The
  /// destructor does the same and drops the error. Errors: `io_failed`, `journal_stopped`.
  virtual result<void> close() = 0;
};

} // namespace cairn
