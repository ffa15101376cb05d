#pragma once

#include <cairn/append.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

/// What both journals say to an operation, in the same words.
namespace cairn::detail {

error shut_down_error();
error inherited_error(); ///< After a fork, in the child.

/// What an append to a stream at version `actual` is refused with; nothing: it may take effect.
std::optional<error> check_append(const append_operation& operation, cairn::version actual);

/// What an append is refused with because `holder` holds the key of its reservation `index`.
error held_elsewhere(append_operation& operation, std::size_t index, std::string_view holder);

/// Refuses an operation: sets its outcome and tells it.
void refuse(append_operation& operation, error why) noexcept;

/// Hands one operation back to its target with `outcome`.
void complete(std::unique_ptr<append_operation> operation, result<commit> outcome) noexcept;

/// Hands the operations, each with its outcome set, back in their order: one call for those that
/// follow one another and name the same target.
void complete_all(std::vector<std::unique_ptr<append_operation>> operations) noexcept;

/// `invalid_argument` if the operation has events of another stream than its own, or a record that
/// is larger than the journal takes.
result<void> check_events(const append_operation& operation, std::size_t max_event_bytes);

} // namespace cairn::detail
