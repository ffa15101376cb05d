#pragma once

namespace cairn::detail {

/// Stops the program with `what` and its place on stderr: a broken invariant of Cairn or of its
/// caller.
[[noreturn]] void assertion_failed(const char* what, const char* file, int line) noexcept;

} // namespace cairn::detail

/// An invariant whose failure is a bug. Always on, in every build: continuing on a broken invariant
/// could write a wrong history, stopping cannot.
#define CAIRN_ASSERT(condition)                                                                    \
  do {                                                                                             \
    if (!(condition)) [[unlikely]]                                                                 \
      ::cairn::detail::assertion_failed(#condition, __FILE__, __LINE__);                           \
  } while (false)
