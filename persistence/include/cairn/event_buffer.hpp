#pragma once

#include <cairn/event_view.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cairn {

/// Copies of events, taken during a replay and read after it.
///
/// A visitor of a replay must be quick: the replay holds a read transaction, and a long one keeps
/// the journal from reusing pages. If a visitor may be slow or may wait, it copies the events into
/// a buffer first; a copy costs less than the checksum that the replay computes. One thread at a
/// time, except for `visit_these`.
class event_buffer {
public:
  /// Appends a copy.
  void add(const event_view& event);

  std::size_t size() const noexcept { return entries_.size(); }
  bool empty() const noexcept { return entries_.empty(); }
  /// Bytes of all records together.
  std::size_t bytes() const noexcept { return words_.size() * sizeof(std::uint64_t); }

  /// Calls `visitor` for the copies from index `first` (from 0) on, in the order of their adding.
  /// A view is valid during its call. Returns the index after the last one visited. Errors:
  /// `invalid_argument` (`first` is beyond `size()`); `corrupt_record` with the position, if
  /// reading threw `kj::Exception`; whatever else the visitor throws passes through.
  result<std::size_t> visit_from(std::size_t first, event_visitor visitor) const;

  /// Calls `visitor` for the copies with these indices, in the given order. Several threads may
  /// call it at the same time, while no copies are added. Errors: as for `visit_from`.
  result<void> visit_these(std::span<const std::uint32_t> indices, event_visitor visitor) const;

  /// Drops all, and keeps the memory for the next ones.
  void clear() noexcept;

private:
  struct entry {
    event_view::header fixed;
    std::size_t end; // of its message in `words_`
  };

  result<visit_result> show(std::size_t index, event_visitor visitor) const;

  std::vector<entry> entries_;
  std::vector<std::uint64_t> words_;
};

} // namespace cairn
