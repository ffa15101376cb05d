#pragma once

#include <cairn/function_ref.hpp>
#include <cairn/journal.hpp>

#include <cstddef>
#include <span>
#include <vector>

namespace cairn::detail {

/// The commands of one aggregate that had an effect most recently, so that a repetition is
/// recognised.
///
/// A ring that grows up to its capacity, so that an aggregate with three commands pays for three.
/// Looked up by a scan of the ids: at the usual sizes (128) that is a few cache lines, and cheaper
/// than an index to keep.
class deduplication_window {
public:
  explicit deduplication_window(std::size_t capacity) noexcept : capacity_{capacity} {}

  /// Remembers that the command's last event is `version` at `position` (0: not known, because it
  /// was in flight then). A further event of the command added last moves that entry forward.
  /// Ignores the empty id.
  void remember(message_id id, cairn::version version, cairn::position position);

  /// Sets the positions of the newest commands, whose events have become durable: from the newest
  /// back to the first one that has a position already.
  void locate(function_ref<cairn::position(cairn::version version)> position_of) noexcept;

  const recent_command* find(message_id id) const noexcept;

  /// Oldest first.
  std::vector<recent_command> entries() const;

  /// Replaces the content; keeps the newest that fit. `newest_last` is oldest first.
  void assign(std::span<const recent_command> newest_last);

  void clear() noexcept;

  std::size_t heap_bytes() const noexcept { return ring_.capacity() * sizeof(recent_command); }

private:
  recent_command& at_age(std::size_t age) noexcept; // 0: the newest

  std::vector<recent_command> ring_;
  std::size_t oldest_ = 0; // index of the oldest entry once the ring is full
  std::size_t capacity_;
};

} // namespace cairn::detail
