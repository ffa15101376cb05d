#pragma once

#include <cairn/detail/request.hpp>
#include <cairn/error.hpp>
#include <cairn/ids.hpp>

#include <cstdint>
#include <string>

namespace cairn::detail {

/// The text of the exception that is being handled.
std::string describe_current_exception();

/// The error for an event that the aggregate does not list.
error describe(const unknown_event_type& unknown, const stream_id& stream, std::uint64_t position);

} // namespace cairn::detail
