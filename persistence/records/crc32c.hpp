#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace cairn::detail {

/// CRC32C as RFC 3720 publishes it: of "123456789" it is 0xE3069283.
std::uint32_t crc32c(std::span<const std::byte> bytes) noexcept;

/// The same of `key` followed by `value`; the key must be whole words.
std::uint32_t crc32c(std::span<const std::byte> key, std::span<const std::byte> value) noexcept;

} // namespace cairn::detail
