#pragma once

#include "session.hpp"

namespace bench {

/// What the figures were measured on: processors, disk, versions, build. Measures the median time
/// of a synced LMDB commit of one 4 KiB value in `directory`.
json describe_machine(const work_directory& directory);

/// What makes the figures unfit for comparison (no optimisation, no disk); one sentence each.
std::vector<std::string> warnings_about(const json& machine);

} // namespace bench
