#pragma once

#include <cairn/detail/decode.hpp>
#include <cairn/detail/request.hpp>

#include <string>
#include <string_view>

namespace cairn::detail {

/// The error for an event that the aggregate does not list.
error describe(const unknown_event_type& unknown, std::string_view stream,
               cairn::position position);

/// The error for an older event that its upcaster could not take.
error describe(const upcast_failure& failure, std::string_view stream, cairn::position position);

} // namespace cairn::detail
