#pragma once

#include <cairn/journal.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

namespace cairn {

/// How an LMDB journal is opened. Sizes are in bytes. An option outside its range is refused with
/// `invalid_argument`, which names the option and the range.
struct lmdb_journal_options {
  /// Created with mode 0700 if it does not exist. An empty directory of one's own is made 0700.
  std::filesystem::path directory;

  bool create = true; ///< false: `not_found` instead of creating.

  /// Address space reserved for the map, not disk: 1 MiB to 64 TiB. The journal grows up to it.
  /// Rounded up to a page.
  std::size_t map_bytes = std::size_t{64} << 30;

  /// Appends are refused with `storage_full` while the file system would have less free space than
  /// this after the commit; reads go on. At most 64 TiB. With any value, also 0, the room that a
  /// commit may take at most is kept free beside: a disk that nobody else fills is refused before
  /// it is full.
  std::size_t free_space_watermark_bytes = std::size_t{64} << 20;

  std::size_t max_event_bytes = default_max_event_bytes; ///< Of one record: 1 KiB to 256 MiB.

  /// A commit takes at most this many events (1 to 2^20) and bytes (1 to 1 GiB), but at least one
  /// operation.
  std::size_t max_commit_events = 4096;
  std::size_t max_commit_bytes = std::size_t{8} << 20;

  /// If more bytes are queued, `submit` answers `overloaded`. At least 4 KiB; one operation always
  /// fits, however large.
  std::size_t max_queued_bytes = std::size_t{256} << 20;

  /// Heads, tags and reservations are flushed once per this many events. A larger interval writes
  /// fewer pages, but takes more memory, and opening replays a longer tail (at most twice as many
  /// records, plus a few commits). 1 to 2^24.
  std::size_t flush_interval_events = 262'144;

  /// Concurrent read transactions, of all processes together: 1 to 65,536.
  std::size_t max_readers = 128;

  bool allow_fuse = false; ///< Open although the directory is on a FUSE file system.

  /// The wall clock that events are stamped with; empty: the system's.
  std::function<std::chrono::sys_time<std::chrono::nanoseconds>()> wall_clock = {};
};

/// Opens the journal in `options.directory` for appending and reading, and creates it if it does
/// not exist. At most one process on the machine can have it open for writing.
///
/// Errors: `invalid_argument` (an option), `not_found`, `locked`, `already_open`,
/// `insecure_permissions`, `unsupported_file_system`, `incompatible_format`, `corrupt_journal`,
/// `corrupt_record`, `io_failed`; nothing is changed.
result<std::unique_ptr<journal>> open_lmdb_journal(lmdb_journal_options options);

/// Opens it for reading only, beside a process that may be writing it. `submit` fails with
/// `journal_stopped`. Errors: as above, without `locked`.
result<std::unique_ptr<journal>> open_lmdb_journal_for_reading(lmdb_journal_options options);

/// What `verify_lmdb_journal` found.
struct lmdb_verification {
  std::uint64_t events = 0;
  std::uint64_t streams = 0;
  std::uint64_t snapshots = 0;
  std::uint64_t damaged_snapshots = 0; ///< No error: they are ignored and rebuilt.
  std::uint64_t schema_generations = 0;
  std::uint64_t reservations = 0;  ///< Keys that are held.
  std::uint64_t tagged_events = 0; ///< Rows in the index of tags: each tag of an event counts.
  /// The file holds one more commit, which is undone: it failed, its outcome was unknown, and the
  /// journal has not been opened for writing since. If no commit failed, then a root page is
  /// damaged and the last commit is lost.
  bool unfinished_commit = false;
};

/// Reads the whole journal and checks what opening and replaying trust: that LMDB's pages, which
/// have no checksums, form correct trees; that every record follows its predecessor; and that
/// heads, reservations and tags agree with the log. Another process may write the journal
/// meanwhile. Needs memory for one head per stream, one per reserved key (released ones too), and
/// one bit per page. It uses one read transaction for the pages and one for what is derived from
/// the log, so a journal that is written meanwhile grows until it is done.
///
/// Errors: as for opening; `corrupt_record` with its position or `corrupt_journal` for the first
/// damage found. A file that is cut short or damaged while it is read can still end the process
/// with a signal: run it in a child where that matters.
result<lmdb_verification> verify_lmdb_journal(lmdb_journal_options options);

} // namespace cairn
