#pragma once

#include "records/record.hpp"

#include <cairn/table_store.hpp>

#include <vector>

/// The rows of the database `decisions` in a projection's tables; specified in FORMAT.md.
namespace cairn::detail {

/// The sealed value of the decision with this number.
std::vector<std::uint64_t> encode_decision(std::uint64_t number,
                                           const projection_decision& decision);

/// Errors: `corrupt_journal`.
result<projection_decision> decode_decision(std::uint64_t number, words_view value);

} // namespace cairn::detail
