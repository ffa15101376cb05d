#pragma once

#include "simulation/history.hpp"

#include <cairn/aggregate.hpp>
#include <cairn/journal.hpp>

#include <optional>
#include <string>

namespace cairn::detail {

/// Compares what the clients of a run have seen with the journal that it leaves, by executing the
/// journal's commands one after the other on a model: the pure functions of the aggregate, a state
/// and a list of the last commands for each.
///
/// Replies carry versions, so the order that the aggregates claim is known, and need not be
/// searched for: linearizable means that each reply is what the model gives at its version, and
/// that this order does not contradict that of the replies and requests (`attempt::floor`).
/// Returns what is wrong, if anything is; notes in the attempts where they were written.
std::optional<std::string> check_history(history& seen, const simulated_domain& domain,
                                         const aggregate_options& hosting, const journal& log);

} // namespace cairn::detail
