#pragma once

#include <cstdint>

namespace cairn::detail {

/// A number that is this process's own: a child made by fork has another, so an object that
/// remembers the number can tell that it was inherited. Costs one memory read (`getpid` costs a
/// system call): it lies in a page that the kernel wipes in the child (MADV_WIPEONFORK).
std::uint64_t process_token() noexcept;

} // namespace cairn::detail
