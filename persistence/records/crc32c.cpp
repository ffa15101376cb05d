#include "records/crc32c.hpp"

#include <cairn/error.hpp>

#include <isa-l.h>

#include <array>
#include <cstring>

namespace cairn::detail {
namespace {

using tables = std::array<std::array<std::uint32_t, 256>, 8>;

/// For eight bytes at a time: table k continues the checksum of a byte by k zero bytes
/// (Kounavis and Berry, "Novel Table Lookup-Based Algorithms for High-Performance CRC Generation").
constexpr tables make_tables() {
  constexpr std::uint32_t reflected_polynomial = 0x82f63b78;
  tables made{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t state = byte;
    for (int bit = 0; bit < 8; ++bit)
      state = (state >> 1) ^ ((state & 1) != 0 ? reflected_polynomial : 0);
    made[0][byte] = state;
  }
  for (std::size_t k = 1; k < made.size(); ++k)
    for (std::size_t byte = 0; byte < 256; ++byte)
      made[k][byte] = (made[k - 1][byte] >> 8) ^ made[0][made[k - 1][byte] & 0xff];
  return made;
}

constexpr tables by_eight = make_tables();

/// For keys: the library's vectors take 40 ns to start, whatever the length.
std::uint32_t continue_short(std::uint32_t state, std::span<const std::byte> words) noexcept {
  CAIRN_ASSERT(words.size() % sizeof(std::uint64_t) == 0);
  for (std::size_t i = 0; i < words.size(); i += sizeof(std::uint64_t)) {
    std::uint64_t word;
    std::memcpy(&word, words.data() + i, sizeof(word));
    word ^= state;
    state = 0;
    for (std::size_t k = 0; k < 8; ++k)
      state ^= by_eight[7 - k][word >> (8 * k) & 0xff];
  }
  return state;
}

std::uint32_t continue_long(std::uint32_t state, std::span<const std::byte> bytes) noexcept {
  // The library's interface is not const-correct; it only reads.
  auto* data = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(bytes.data()));
  return crc32_iscsi(data, static_cast<int>(bytes.size()), state);
}

constexpr std::uint32_t start = ~std::uint32_t{0};

} // namespace

std::uint32_t crc32c(std::span<const std::byte> bytes) noexcept {
  return ~continue_long(start, bytes);
}

std::uint32_t crc32c(std::span<const std::byte> key, std::span<const std::byte> value) noexcept {
  return ~continue_long(continue_short(start, key), value);
}

} // namespace cairn::detail
