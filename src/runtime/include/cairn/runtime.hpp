#pragma once

#include <cairn/aggregates.hpp>
#include <cairn/log.hpp>
#include <cairn/result.hpp>
#include <cairn/runtime_base.hpp>
#include <cairn/storage.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace cairn {

/// Options of a runtime. Every queue has a bound, set here or in `aggregate_options`. An option
/// outside its range is refused with `invalid_argument`, which names both.
struct runtime_options {
  /// The storage of events, and of the tables of projections. There is no default.
  cairn::storage storage;

  /// Number of threads that run aggregates, at most 1,024. If 0, one for each processor, at least
  /// 2. The journal's writer has a thread of its own.
  std::size_t threads = 0;

  /// Maximum number, and bytes, of commands and queries that are accepted and not yet answered, of
  /// all aggregates together: at least 1, and 64 KiB. Beyond either, the caller gets `overloaded`
  /// at once; a command that is itself larger than the bytes, `invalid_argument`.
  std::size_t max_outstanding = 262'144;
  std::size_t max_outstanding_bytes = std::size_t{256} << 20;

  /// Maximum number, and bytes, of aggregates in memory (the bytes are an estimate: the states, and
  /// 768 bytes each); at least 1. Beyond either, the least recently used are passivated. Above
  /// 1.25 x `max_resident` + 16, new ones are refused with `overloaded`.
  std::size_t max_resident = 1'000'000;
  std::size_t max_resident_bytes = std::size_t{2} << 30;

  /// Maximum number of aggregates that are rebuilt from the journal at the same time, each on a
  /// thread beside `threads`, which is started when it is first needed. If 0, half of `threads`, at
  /// least 1; more than 256 count as 256. Others wait without holding a thread.
  std::size_t max_concurrent_rehydrations = 0;

  /// The clock for deadlines of requests, idle times, and batches of projections; for tests. If it
  /// is empty: `steady_clock`. Waiting for rows (`wait_for`, `visible_in`) and for events
  /// (`event_feed::next`) always uses `steady_clock`.
  ///
  /// Any thread calls it, several at a time, with things held: it must call nothing of Cairn. What
  /// waits, or asks the clock, stops the program. If it throws, commands and queries that were to
  /// be executed fail with `decide_failed`, passivation by time waits, and projections go by
  /// `steady_clock`.
  std::function<std::chrono::steady_clock::time_point()> clock = {};

  /// What the runtime tells the application: a projection that has stopped, a journal that writes
  /// no more. If it is empty: `default_log_sink`, which prints warnings and errors to stderr.
  log_sink log = {};
};

/// What a runtime reports about itself.
struct runtime_status {
  journal_status journal;
  std::size_t outstanding = 0; ///< Requests accepted and not yet answered.
  std::size_t outstanding_bytes = 0;
  std::size_t resident = 0;             ///< Aggregates in memory.
  std::size_t resident_bytes = 0;       ///< What they are counted as.
  std::size_t waiting_rehydrations = 0; ///< Aggregates that wait for their turn to be rebuilt.
  std::uint64_t rehydrations = 0;
  std::uint64_t passivations = 0;
  std::uint64_t overloaded = 0; ///< Requests refused because a bound was reached.
  std::uint64_t ignored_snapshots =
      0; ///< Of another schema, too large, too deep; damaged ones: see `journal`.
  std::uint64_t log_failures = 0; ///< Entries that the log sink threw at, or caused itself.
};

/// Aggregates on a journal: an application opens one at its start and closes it at its end. A
/// process that only reads, beside the one that writes, opens a `reading_runtime`.
///
/// It opens no port. All functions may be called from any thread, and within functions of the
/// application that Cairn calls (decide, handlers, continuations, ...), if they do not say
/// otherwise. A call that could wait for ever there stops the program with a sentence that names
/// it.
class runtime : public runtime_base {
public:
  /// Errors: `invalid_argument`, which names the option (also for an empty `lmdb::directory`);
  /// `io_failed` if no thread can be started (CAF itself ends the program if it cannot start its
  /// threads); and those of `open_lmdb_journal`.
  static result<runtime> open(runtime_options options);

  runtime(runtime&&) noexcept = default;
  runtime& operator=(runtime&&) noexcept = default;

  /// The aggregates of type `T`. A second call gives the same aggregates and ignores its options.
  /// Two types with the same `type_name` in one runtime are a bug and stop the program.
  ///
  /// The schemas of its events and state are compared with those that the journal knows, and
  /// recorded where they are new. Errors, with nothing recorded: `invalid_argument` (an option);
  /// `incompatible_schema`, naming type and field: the program cannot read what the journal holds;
  /// the others of `journal::declare_schemas`, `shut_down` among them.
  template <aggregate T>
  result<aggregates<T>> host(const aggregate_options& options = {}) {
    auto hosted = runtime_base::host(std::make_unique<detail::typed_model<T>>(options));
    if (!hosted)
      return std::move(hosted).error();
    return aggregates<T>{*std::move(hosted)};
  }

  runtime_status status() const;

  /// Opens the journal again in place after it has stopped (`status().journal.stopped_by`): because
  /// a commit failed, its disk gives errors, or another process had taken it over. Handles stay
  /// valid (`aggregates`, `projection`, `subscription`, `event_feed`). Requests that were accepted
  /// are answered first; new ones fail with `journal_stopped` meanwhile. All aggregates leave
  /// memory and are rebuilt from disk, which may hold commands whose outcome was unknown: send them
  /// again with the same id to learn it. Subscriptions and projections go on where they were; while
  /// they cannot read the journal, they wait. The tables of projections stay as they are: one that
  /// has stopped because a commit of its own failed needs the runtime opened anew.
  ///
  /// If the journal has not stopped, does nothing. Within a function of the application that Cairn
  /// calls (but a visitor) it stops the program: it waits for what that holds up. If it fails,
  /// requests and reads fail with `journal_stopped` until a later call succeeds. Errors:
  /// those of `open` and of `host`; `corrupt_journal` too if the directory holds another journal,
  /// or another history of this one, than the runtime has shown; `shut_down`.
  result<void> reopen();

private:
  friend struct runtime_access;

  explicit runtime(std::unique_ptr<detail::runtime_core> core) noexcept;
};

} // namespace cairn
