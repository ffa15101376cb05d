#pragma once

#include <cairn/function_ref.hpp>
#include <cairn/ids.hpp>
#include <cairn/position.hpp>

#include <cairn/journal.capnp.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

namespace cairn {

/// An event in the journal, in place: a view of memory that the journal owns.
///
/// Valid only during the visitor's call; copy what must live longer. Reading the payload may throw
/// `kj::Exception` if the bytes are not what the type says; `journal`'s replays turn that into
/// `corrupt_record`.
class event_view {
public:
  struct header {
    cairn::position position{};
    cairn::version version{};
    cairn::position previous{};
    std::uint64_t recorded_at_ns = 0;
    std::uint64_t epoch = 0;
  };

  /// `message`: the words that `record` is read from.
  event_view(const header& fixed, format::EventRecord::Reader record,
             std::span<const std::uint64_t> message) noexcept
    : header_{fixed}, record_{record}, message_{message} {}

  /// Place in the journal, from 1, without gaps, in commit order.
  cairn::position position() const noexcept { return header_.position; }
  /// Place in the stream, from 1, without gaps.
  cairn::version version() const noexcept { return header_.version; }
  /// Position of the stream's event before this one; 0: there is none.
  cairn::position previous() const noexcept { return header_.previous; }
  /// When the writer put it into a commit, by the wall clock of its machine: for people, never for
  /// order.
  std::chrono::sys_time<std::chrono::nanoseconds> recorded_at() const noexcept {
    return std::chrono::sys_time<std::chrono::nanoseconds>{
        std::chrono::nanoseconds{header_.recorded_at_ns}};
  }
  /// Which opening of the journal wrote it; counts up.
  std::uint64_t epoch() const noexcept { return header_.epoch; }

  /// `type/id`.
  std::string_view stream() const;
  /// The Cap'n Proto type id of the payload.
  std::uint64_t type() const { return record_.getType(); }
  message_id command_id() const { return {record_.getCommandIdHigh(), record_.getCommandIdLow()}; }
  message_id correlation_id() const;
  message_id causation_id() const;
  capnp::List<capnp::Text>::Reader tags() const { return record_.getTags(); }
  capnp::List<format::Reservation>::Reader reservations() const {
    return record_.getReservations();
  }
  capnp::AnyPointer::Reader payload() const { return record_.getPayload(); }
  format::EventRecord::Reader record() const noexcept { return record_; }

  /// What a copy is made of: the fixed part, and the one segment of the record's message.
  const header& fixed() const noexcept { return header_; }
  std::span<const std::uint64_t> message() const noexcept { return message_; }

private:
  header header_;
  format::EventRecord::Reader record_;
  std::span<const std::uint64_t> message_;
};

/// A visitor's answer.
enum class visit_result : bool { stop, proceed };

using event_visitor = function_ref<visit_result(const event_view&)>;

} // namespace cairn
