#pragma once

#include <cairn/detail/decode.hpp>
#include <cairn/detail/request.hpp>
#include <cairn/event_readers.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace cairn::detail {

/// The error for an event that the aggregate does not list.
error describe(const unknown_event_type& unknown, std::string_view stream,
               cairn::position position);

/// The error for an older event that its upcaster could not take.
error describe(const upcast_failure& failure, std::string_view stream, cairn::position position);

/// `journal::replay`, where these two out of the visitor become errors.
result<cairn::version> replay_known(const stream_reader& events, const stream_id& stream,
                                    cairn::version from_version, cairn::version to_version,
                                    event_visitor visitor);

} // namespace cairn::detail
