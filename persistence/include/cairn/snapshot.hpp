#pragma once

#include <cairn/append.hpp>
#include <cairn/function_ref.hpp>
#include <cairn/ids.hpp>
#include <cairn/result.hpp>

#include <cairn/journal.capnp.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cairn {

/// A command that had an effect, as the deduplication window remembers it.
struct recent_command {
  message_id id;
  cairn::version version{};   ///< Of its last event.
  cairn::position position{}; ///< Of its last event.

  bool operator==(const recent_command&) const = default;
};

/// A snapshot's message may have so many bytes; a larger one is not kept.
inline constexpr std::size_t max_snapshot_bytes = std::size_t{64} << 20;

/// A state to be kept, for `snapshot_store::submit_snapshot`.
struct snapshot_draft {
  stream_id stream;
  stream_head at;                     ///< What the state stands for; must be durable already.
  std::uint64_t fingerprint;          ///< Of the state's schema.
  std::vector<std::uint64_t> message; ///< `format::SnapshotRecord`: the words of its one segment.

  /// Encodes one. `fill` writes the state into the pointer that it is given; what it throws passes
  /// through. Throws `std::length_error` if the state nests deeper than `max_nesting`.
  static snapshot_draft encode(const stream_id& stream, stream_head at, std::uint64_t fingerprint,
                               std::span<const recent_command> recent,
                               function_ref<void(capnp::AnyPointer::Builder)> fill);

  /// Sets the positions of those recent commands that were encoded with position 0, because their
  /// events were in flight.
  void locate(function_ref<cairn::position(cairn::version version)> position_of);
};

/// A kept state, in place; valid only during the visitor's call.
struct snapshot_view {
  stream_head at;
  format::SnapshotRecord::Reader record;
};

/// Keeps the newest state of streams, so that a state need not be rebuilt from all events. What it
/// keeps can be made again from the log.
class snapshot_store {
public:
  /// Keeps `snapshot` as the newest of its stream, some time soon: snapshots trail the log as heads
  /// do, and one that is lost in a crash costs a longer replay, nothing else. A snapshot of a
  /// version beyond the stream's head, or older than the kept one, or larger than
  /// `max_snapshot_bytes`, is dropped.
  virtual void submit_snapshot(snapshot_draft snapshot) = 0;

  /// Calls `visitor` with the newest snapshot of `stream`. Returns false if there is none, or if it
  /// is damaged (its checksum or structure; counted in `status().damaged_snapshots`): then the
  /// state is rebuilt from the events. What the visitor throws passes through, except that
  /// `kj::Exception` counts as damaged. Errors: `io_failed`, `shut_down`.
  virtual result<bool> load_snapshot(const stream_id& stream,
                                     function_ref<void(const snapshot_view&)> visitor) const = 0;

protected:
  ~snapshot_store() = default;
};

} // namespace cairn
