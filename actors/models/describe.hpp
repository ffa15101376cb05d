#pragma once

#include <cairn/detail/decode.hpp>
#include <cairn/detail/request.hpp>
#include <cairn/event_readers.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace cairn::detail {

/// The error for an event that the aggregate does not list.
error describe(const unknown_event_type& unknown, std::string_view stream, std::uint64_t position);

/// The error for an older event that its upcaster could not take.
error describe(const upcast_failure& failure, std::string_view stream, std::uint64_t position);

/// `journal::replay`, where these two out of the visitor become errors.
result<std::uint64_t> replay_known(const stream_reader& events, const stream_id& stream,
                                   std::uint64_t from_version, std::uint64_t to_version,
                                   event_visitor visitor);

} // namespace cairn::detail
