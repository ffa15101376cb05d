#pragma once

#include <cairn/event_batch.hpp>
#include <cairn/result.hpp>

#include <cstddef>
#include <optional>
#include <string_view>

namespace cairn::detail {

/// A byte that a name must not hold.
struct text_fault {
  std::size_t place; ///< Index of the byte, from 0.
  const char* what;  ///< "a control character" or "a byte that is not UTF-8".
};

/// The first byte of `text` that starts a control character (C0, DEL, C1) or is not well-formed
/// UTF-8 (Unicode 15, table 3-7); nothing if there is none.
std::optional<text_fault> find_text_fault(std::string_view text) noexcept;

/// `invalid_argument`, naming what is wrong, unless the text may be a tag.
result<void> check_tag(std::string_view tag);

/// Whether a row can be made of a tag, or of a key, that stands in a record. Records are checked
/// when they are encoded, so one that does not fit was written by somebody else, and no query can
/// name it.
constexpr bool fits_as_tag(std::string_view tag) noexcept {
  return !tag.empty() && tag.size() <= max_tag_bytes;
}
constexpr bool fits_as_key(std::string_view key) noexcept {
  return !key.empty() && key.size() <= max_key_bytes;
}

/// `invalid_argument`, naming what is wrong, unless the text may be the key of a reservation.
result<void> check_key(std::string_view key);

} // namespace cairn::detail
