#pragma once

#include <cairn/result.hpp>
#include <cairn/table.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cairn {

/// When readers in this process see what was written.
enum class row_visibility : std::uint8_t {
  committed, ///< Once it is on disk, as other processes do.
  at_once,   ///< When it is published; the disk follows.
};

/// Where the tables of one projection are kept, and how. A number outside its range is refused with
/// `invalid_argument`, which names the option and the range.
struct table_store_options {
  /// Created (mode 0700) if it does not exist. Empty: the rows are in memory, visible at once, and
  /// gone with the store.
  std::filesystem::path directory = {};

  bool create = true; ///< false: `not_found` instead of creating.

  /// What the tables look like, a line each. Rows on disk written with another shape are refused.
  std::string shape = {};

  row_visibility visibility = row_visibility::committed;

  /// With `at_once`: rows are due to be flushed when this many rows or bytes are unflushed, or the
  /// rows of twice this many events; 1 to 2^48 each. At four times that, `publish` waits for the
  /// flush.
  std::size_t flush_rows = 131'072;
  std::size_t flush_bytes = std::size_t{64} << 20;
  std::size_t flush_events = 262'144;

  std::size_t map_bytes = std::size_t{64} << 30; ///< Address space, as for a journal.
  std::size_t free_space_watermark_bytes = std::size_t{64} << 20; ///< As for a journal.
  /// Views that may be kept at a time, 1 to 65,536: one more fails with `overloaded` at once. The
  /// store's own reading comes on top.
  std::size_t max_readers = 128;
  bool allow_fuse = false; ///< Open although the directory is on a FUSE file system.
};

/// The position up to which rows are complete in one shard, and a fingerprint of the history that
/// they were folded from. Tables have one for each shard that they have seen events of.
struct table_checkpoint {
  cairn::position position{};
  std::uint64_t event_fingerprint = 0; ///< A hash of the event there; see `event_fingerprint`.

  bool operator==(const table_checkpoint&) const = default;
};

/// A hash of an event's position, version, time, epoch, stream and command id. It differs between
/// two histories that have diverged.
std::uint64_t event_fingerprint(const event_view& event);

/// What an operator decided about an event that a projection could not apply.
struct projection_decision {
  enum class kind : std::uint8_t { retry, park, skip };

  kind what = kind::retry;
  cairn::position position{}; ///< Of the event.
  cairn::version version{};   ///< Of the event, in its stream.
  std::uint64_t type = 0;     ///< Of the event: the id of its Cap'n Proto type.
  std::string stream;         ///< Of the event.
  std::string error;          ///< Why it could not be applied.
  std::uint32_t attempts = 0; ///< That were made before the decision.
  std::string reason;         ///< What the operator said.
  std::chrono::sys_time<std::chrono::nanoseconds> decided_at;

  bool operator==(const projection_decision&) const = default;
};

/// Whether rows in memory are newer than on disk.
enum class unflushed_rows : std::uint8_t {
  none,
  some,
  due, ///< Enough to be written now; see `table_store_options::flush_rows`.
};

/// What a store reports about itself.
struct table_store_status {
  cairn::position position{};   ///< Of the rows that readers see, in shard 0.
  cairn::position checkpoint{}; ///< Of the rows on disk, in shard 0.
  std::uint64_t commits = 0;
  std::size_t rows_in_memory = 0; ///< Newer than on disk.
  std::size_t bytes_in_memory = 0;
  std::chrono::milliseconds oldest_reader{0}; ///< Age of the oldest view of this process.
};

/// The rows of one projection: read by any number of threads, and of other processes, while one
/// thread writes.
///
/// Rows and checkpoint are committed together, so after any crash the rows are the fold of the
/// events up to the checkpoint, no more and no less. One thread at a time may call the functions of
/// the writer; any thread may call the others.
class table_store : public std::enable_shared_from_this<table_store> {
public:
  /// Opens it for writing; at most one process on the machine can. Errors: those of
  /// `open_lmdb_journal`; `incompatible_format` if the shape on disk is another.
  static result<std::unique_ptr<table_store>> open(table_store_options options);

  /// Opens it beside a process that may be writing it. Views show what is on disk. Errors: as
  /// above, without `locked`; the functions of the writer are bugs. An empty `shape` fits any.
  static result<std::unique_ptr<table_store>> open_for_reading(table_store_options options);

  virtual ~table_store() = default;

  /// The rows as of now. Errors: `overloaded` (`max_readers` views are kept), `shut_down`,
  /// `io_failed`, `corrupt_journal`.
  virtual result<table_view> read() const = 0;

  /// The shard's checkpoint of the rows on disk; if rows are in memory only, theirs. Errors: as for
  /// `read`.
  virtual result<table_checkpoint> checkpoint(shard_id shard) const = 0;
  /// That of shard 0.
  result<table_checkpoint> checkpoint() const { return checkpoint(shard_id{}); }

  /// The position, in the shard, of the rows that readers see. For a store that is open for reading
  /// it is the start.
  virtual cairn::position position(shard_id shard) const noexcept = 0;
  /// That in shard 0.
  cairn::position position() const noexcept { return position(shard_id{}); }

  /// The decisions, oldest first. Errors: `corrupt_journal`, `io_failed`, `shut_down`.
  virtual result<std::vector<projection_decision>> decisions() const = 0;

  /// Whether `mark_live` has been called. Errors: as for `read`.
  virtual result<bool> live() const = 0;

  virtual table_store_status status() const = 0;

  // The writer's.

  /// Begins a batch: its handlers read the rows as of now. Errors: `shut_down`, `io_failed`,
  /// `corrupt_journal`.
  virtual result<void> begin_batch() = 0;
  virtual void begin_event() = 0;
  virtual detail::row_sink& rows() noexcept = 0;
  /// Takes back what was written since the event began.
  virtual void roll_back_event() = 0;
  virtual std::size_t pending_rows() const noexcept = 0;
  virtual std::size_t pending_bytes() const noexcept = 0;

  // A round: events of a batch that several threads, its partitions, apply at the same time. Its
  // rows are kept only if they are the rows that applying the events one after another would give.

  /// Begins a round, in place of `begin_event`. Each partition sees the rows as they were before
  /// the round, and what it writes itself. Errors: `invalid_argument` (`partitions` is not 1 to
  /// 64), and those of `read`; then no round has begun.
  virtual result<void> begin_round(std::size_t partitions) = 0;
  /// Where the events of one partition write, in their order; `number` is below the count given to
  /// `begin_round`. One thread at a time for each partition.
  virtual detail::row_sink& partition(std::size_t number) noexcept = 0;
  /// Ends the round; its threads must have finished. Returns true if the batch keeps its rows.
  /// Returns false, and drops the round's rows, if a partition failed or two partitions conflict:
  /// one wrote a row that another wrote, read, or would have found in a scan.
  virtual bool end_round() = 0;

  /// Ends a batch in which nothing was written; with rows pending, a bug.
  virtual void end_batch() = 0;

  /// Ends the batch: readers see its rows from now on, as those of `at`, which replaces the
  /// checkpoint of its shard and must not be before it. With `committed`, they and the checkpoint
  /// are on disk. Errors: `storage_full` and `io_failed`, after which the batch is
  /// as before; `outcome_unknown` if the commit failed, after which the store writes nothing any
  /// more (`journal_stopped`) until it is opened again.
  virtual result<void> publish(table_checkpoint at) = 0;

  /// With `at_once`: whether rows are to be flushed. Any thread.
  virtual unflushed_rows unflushed() const = 0;
  /// With `at_once`: writes the rows that are newer in memory, with their checkpoint; beside the
  /// writer's thread. Errors: as for `publish`.
  virtual result<void> flush_all() = 0;
  /// The same in slices that use at most a tenth of the time. It stops pausing once more than twice
  /// the due rows are unflushed, while `flush_all` waits for it, or once `hurry` is set.
  virtual result<void> flush_gently(const std::atomic<bool>& hurry) = 0;

  /// Flushes, and records a decision durably, together with the checkpoint behind the event, which
  /// replaces that of its shard and must not be before it. No rows may be pending. Errors: as for
  /// `publish`.
  virtual result<void> decide(const projection_decision& decision, table_checkpoint at) = 0;

  /// Notes durably that the rows have caught up and may take the place of older ones. Errors: as
  /// for `publish`.
  virtual result<void> mark_live() = 0;

  /// Says that the files will not be opened again, so that closing flushes nothing. Any thread.
  virtual void abandon() noexcept = 0;

  /// Flushes, waits until all views are gone, and closes; every later call fails with `shut_down`.
  /// If it is not called, a store that is held by a `shared_ptr` closes with its last view. Errors:
  /// as for `publish`.
  virtual result<void> close() = 0;
};

} // namespace cairn
