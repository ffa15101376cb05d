#pragma once

#include <sys/resource.h>

#include <filesystem>
#include <functional>

namespace cairn::test {

/// What a child returns that cannot try it on this machine.
inline constexpr int not_here = 77;

/// From now on the user may have so many threads, this one included; in a child of
/// `in_child_of_somebody` these are its own. False: the machine does not limit them.
bool limit_threads(rlim_t most);

/// Runs `body` in a child that belongs to a user of its own, with a directory to make; root has no
/// limit. 0 is right; what cannot be tried here is said.
void in_child_of_somebody(const std::function<int(const std::filesystem::path&)>& body);

} // namespace cairn::test
