#pragma once

#include <cairn/detail/decode.hpp>
#include <cairn/detail/request.hpp>
#include <cairn/error.hpp>
#include <cairn/ids.hpp>

#include <cstdint>
#include <string>

namespace cairn::detail {

/// The error for an event that the aggregate does not list.
error describe(const unknown_event_type& unknown, const stream_id& stream, std::uint64_t position);

/// The error for an older event that its upcaster could not take.
error describe(const upcast_failure& failure, const stream_id& stream, std::uint64_t position);

} // namespace cairn::detail
