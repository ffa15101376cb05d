#pragma once

#include <cairn/append.hpp>
#include <cairn/event_view.hpp>
#include <cairn/position.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cairn {

/// The events of appends that have succeeded, read in place in the appends. Code that needs events
/// right after their commit uses this instead of reading them back from the journal.
///
/// They are those of positions that follow one another without a gap. Nothing is copied, so the
/// appends must outlive it, or the next `clear`, and must not be changed. One thread at a time.
class appended_events {
public:
  /// Adds the events of an append, of which the journal has said that it succeeded at `at`. If they
  /// do not follow those that are there, these are dropped first.
  void add(const event_batch& appended, const commit& at);

  std::size_t size() const noexcept { return entries_.size(); }
  bool contains(cairn::position position) const noexcept {
    return position >= first_position_ && position - first_position_ < entries_.size();
  }

  /// Calls `visitor` for the events from `position` on, which must be contained, as a replay of
  /// the journal would. Returns the position of the last one visited. Errors: `corrupt_record` with
  /// the position, if reading threw `kj::Exception`; whatever else the visitor throws passes
  /// through.
  result<cairn::position> visit_from(cairn::position position, event_visitor visitor) const;

  /// Drops all, and keeps the memory for the next ones.
  void clear() noexcept { entries_.clear(); }

private:
  struct entry {
    event_view::header fixed;
    std::span<const std::uint64_t> message;
  };

  std::vector<entry> entries_;
  cairn::position first_position_{};
};

} // namespace cairn
