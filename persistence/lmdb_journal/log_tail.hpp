#pragma once

#include "lmdb_journal/databases.hpp"

#include <cairn/append.hpp>
#include <cairn/event_view.hpp>

#include <string>
#include <string_view>

namespace cairn::detail {

/// A record of the tail: what the rows that trail the log are made of.
struct tail_record {
  std::string_view stream;
  std::uint64_t position;
  const event_header& header;
  const event_view& event;

  stream_head head() const noexcept { return {header.version, position}; }
};

/// Calls `visitor` for the records after position `after`, checked, in order, and returns the last
/// position. `visitor` returns whether the record continues what is known of its stream. Errors:
/// `corrupt_record`, `corrupt_journal` (a gap, or a record that continues nothing), `io_failed`.
result<std::uint64_t> read_tail(MDB_txn* txn, const databases& dbs, std::uint64_t after,
                                function_ref<bool(const tail_record&)> visitor);

/// The name of the stream of the event at `position`. Errors: `corrupt_record`, `corrupt_journal`,
/// `io_failed`.
result<std::string> stream_at(MDB_txn* txn, const databases& dbs, std::uint64_t position);

} // namespace cairn::detail
