#pragma once

#include "lmdb_rows/journal_reader.hpp"
#include "lmdb_rows/stream_list.hpp"

#include <cairn/append.hpp>

#include <cstdint>
#include <vector>

/// Where to read: a transaction, and what has to be known beside it because rows trail the log.
namespace cairn::detail {

/// The newest head of a stream; or the event that reserved a key last, version 0 if nobody holds
/// it.
struct located_head {
  journal_reader reader;
  stream_head head;
};

/// The last position.
struct located_end {
  journal_reader reader;
  position last;
};

/// The last position, and those of events with a tag that the transaction may have no rows for.
struct located_tag {
  journal_reader reader;
  position last;
  std::vector<position> positions;
};

/// The heads for which the transaction may have no row, or an older one.
struct located_streams {
  journal_reader reader;
  std::vector<named_head> heads;
};

} // namespace cairn::detail
