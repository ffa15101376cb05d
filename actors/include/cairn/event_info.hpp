#pragma once

#include <cairn/journal.hpp>

#include <chrono>
#include <cstdint>
#include <string_view>

namespace cairn {

/// What the journal knows about an event, beside the event.
struct event_info {
  cairn::position position{};
  cairn::version version{};
  std::chrono::sys_time<std::chrono::nanoseconds> recorded_at;
  message_id command_id;
  message_id correlation_id;
  message_id causation_id;
  std::string_view aggregate_id; ///< Valid during the call that brings it.
};

namespace detail {

/// May throw `kj::Exception`, as every look into a record.
inline event_info info_of(const event_view& event) {
  const auto stream = event.stream();
  return {event.position(),
          event.version(),
          event.recorded_at(),
          event.command_id(),
          event.correlation_id(),
          event.causation_id(),
          stream.substr(stream.find('/') + 1)};
}

} // namespace detail
} // namespace cairn
