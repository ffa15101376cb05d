#pragma once

#include <cairn/detail/rows.hpp>

#include <cstddef>

namespace cairn::detail {

/// In front of a row's message: its seal.
inline constexpr std::size_t row_header_words = 1;

/// A row that is newer than what lies below it; empty: erased.
struct override_row {
  key_view key;
  row_words row;
};

/// Scans `below` with newer rows laid over it. `next` gives these in the scan's order and within
/// its range, each valid until the next call; null: there are no more.
result<void> scan_over(const row_source& below, key_view from, key_view up_to,
                       scan_direction direction, function_ref<const override_row*()> next,
                       row_visitor visitor);

} // namespace cairn::detail
