#pragma once

#include "lmdb_rows/databases.hpp"
#include "lmdb_rows/journal_meta.hpp"

#include <cairn/append.hpp>
#include <cairn/event_view.hpp>

#include <string>
#include <string_view>

namespace cairn::detail {

/// A record of the tail: what the rows that trail the log are made of.
struct tail_record {
  std::string_view stream;
  cairn::position position;
  const event_header& header;
  const event_view& event;

  stream_head head() const noexcept { return {version{header.version}, position}; }
};

/// Calls `visitor` for the records after position `after`, checked, in order, and returns the last
/// position. `visitor` returns whether the record continues what is known of its stream. Errors:
/// `corrupt_record`, `corrupt_journal` (a gap, or a record that continues nothing), `io_failed`.
result<position> read_tail(MDB_txn* txn, const databases& dbs, position after,
                           function_ref<bool(const tail_record&)> visitor);

/// Takes in what the rows that trail the log lack.
class tail_sink {
public:
  /// The record is its stream's newest. False: it does not continue what is known of its stream.
  virtual bool add_head(const tail_record& record) = 0;
  /// The event at `position` reserved the key, and is its `holder` now; or it released the key, and
  /// `holder` is version 0.
  virtual void add_holder(std::string_view key, cairn::position position, stream_head holder) = 0;
  virtual void add_tag(std::string_view tag, cairn::position position) = 0;
  /// All that the record at `position` holds has been added.
  virtual void added(cairn::position position) { (void)position; }

protected:
  ~tail_sink() = default;
};

/// Adds to `into` what the records after position `after` hold beyond the checkpoint of each
/// database, and returns the last position. Keys and tags that none can be, which older versions
/// let pass, are left out. Errors: as for `read_tail`.
result<position> gather_tail(MDB_txn* txn, const databases& dbs, const checkpoints& rows,
                             position after, tail_sink& into);

/// The name of the stream of the event at `position`. Errors: `corrupt_record`, `corrupt_journal`,
/// `io_failed`.
result<std::string> stream_at(MDB_txn* txn, const databases& dbs, cairn::position position);

} // namespace cairn::detail
