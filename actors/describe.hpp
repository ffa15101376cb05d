#pragma once

#include <cairn/detail/request.hpp>
#include <cairn/journal.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace cairn::detail {

/// The text of the exception that is being handled.
std::string describe_current_exception();

/// The error for an event that the aggregate does not list.
error describe(const unknown_event_type& unknown, std::string_view stream, std::uint64_t position);

/// `journal::replay`, where `unknown_event_type` out of the visitor becomes an error.
result<std::uint64_t> replay_known(const journal& events, const stream_id& stream,
                                   std::uint64_t from_version, std::uint64_t to_version,
                                   event_visitor visitor);

} // namespace cairn::detail
