#pragma once

#include <cstddef>

namespace cairn::detail {

/// Starts bringing an object into the processor's cache.
inline void prefetch_bytes(const void* object, std::size_t bytes) noexcept {
  constexpr std::size_t cache_line = 64;
  for (std::size_t at = 0; at < bytes; at += cache_line)
    __builtin_prefetch(static_cast<const char*>(object) + at);
}

/// What is fetched of a request, whose size only its own type knows: enough for a command of a few
/// fields and its future, which follows it.
inline constexpr std::size_t request_bytes_to_fetch = 384;

} // namespace cairn::detail
