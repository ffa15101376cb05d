#pragma once

#include <cairn/function_ref.hpp>

#include <capnp/message.h>

#include <cstdint>
#include <vector>

namespace cairn::detail {

/// Builds a Cap'n Proto message with `fill` and appends it to `out` as one segment without a
/// segment table, the form that records hold.
///
/// Building happens in a scratch buffer of the thread, because a message builder of its own would
/// clear 8 KiB for every small event. What `fill` throws passes through, and `out` is then as
/// before.
void append_message(std::vector<std::uint64_t>& out,
                    function_ref<void(capnp::MessageBuilder&)> fill);

} // namespace cairn::detail
