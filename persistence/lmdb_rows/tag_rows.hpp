#pragma once

#include "lmdb_rows/journal_reader.hpp"

#include <cairn/event_batch.hpp>
#include <cairn/event_view.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

namespace cairn::detail {

/// The key of a row in `tags`: the tag, zero-padded to a multiple of 8 with at least one zero byte,
/// then the position, its highest byte first. So the rows of a tag lie side by side in the order of
/// positions, and no tag's are mixed with another's: tags hold no NUL.
class tag_key {
public:
  tag_key(std::string_view tag, cairn::position position) noexcept;

  std::span<const std::byte> bytes() const noexcept {
    return {reinterpret_cast<const std::byte*>(words_), size_};
  }
  /// The position in the bytes of a key.
  static position position_in(std::span<const std::byte> key) noexcept;

  /// Without the position.
  std::span<const std::byte> prefix() const noexcept { return bytes().first(size_ - 8); }

private:
  std::uint64_t words_[(max_tag_bytes + 1 + 7) / 8 + 1];
  std::size_t size_;
};

/// Writes the row that says that the event at `position` has the tag.
int write_tag_row(MDB_cursor* rows, std::string_view tag, cairn::position position) noexcept;

/// `journal::replay_tag` up to `last_position`. `in_memory`: the positions that had no row when
/// they were gathered, before the reader began, in ascending order.
result<position> replay_tagged(journal_reader& reader, std::string_view tag,
                               cairn::position from_position, cairn::position last_position,
                               const std::vector<position>& in_memory, event_visitor visitor);

} // namespace cairn::detail
