#pragma once

#include <cairn/detail/request.hpp>
#include <cairn/error.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace cairn::detail {

/// The text of the exception that is being handled.
std::string describe_current_exception();

/// The error for an event that the aggregate does not list.
error describe(const unknown_event_type& unknown, std::string_view stream, std::uint64_t position);

} // namespace cairn::detail
