#pragma once

#include "lmdb_rows/journal_reader.hpp"

#include <cairn/event_readers.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace cairn::detail {

/// A stream and its head, as memory knows it.
struct named_head {
  std::string name;
  stream_head head;
};

/// `event_index::visit_streams`. `in_memory`: the heads that rows may lack, or have older, of
/// streams with this prefix; gathered before the reader began, in any order.
result<void> visit_head_rows(journal_reader& reader, std::string_view prefix,
                             std::vector<named_head> in_memory, stream_visitor visitor);

} // namespace cairn::detail
