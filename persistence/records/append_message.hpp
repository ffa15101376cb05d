#pragma once

#include <cairn/event_batch.hpp>
#include <cairn/function_ref.hpp>

#include <capnp/message.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cairn::detail {

/// Levels of pointers that a message may have: its root is the first, what `max_nesting` counts
/// lies below it.
inline constexpr int message_levels = max_nesting + 1;

/// Builds a Cap'n Proto message with `fill` at the end of `out`, as one segment without a segment
/// table, the form that records hold.
///
/// It is built where it will lie if it takes at most `expected_words`; a larger one is built beside
/// and copied. `fill` must not touch `out`; what it throws passes through, and `out` is then as
/// before. Throws `nests_too_deep` if the message has more than `message_levels`.
void append_message(std::vector<std::uint64_t>& out, std::size_t expected_words,
                    function_ref<void(capnp::MessageBuilder&)> fill);

} // namespace cairn::detail
