#include "records/record.hpp"

#include "records/append_message.hpp"
#include "records/crc32c.hpp"

#include <algorithm>
#include <string>

namespace cairn::detail {
namespace {

constexpr std::size_t checksum_bytes = sizeof(seal::checksum);

std::uint32_t checksum_of(std::span<const std::byte> key, const void* value,
                          std::size_t bytes) noexcept {
  return crc32c(key,
                {static_cast<const std::byte*>(value) + checksum_bytes, bytes - checksum_bytes});
}

capnp::ReaderOptions limits_for(std::size_t message_words) noexcept {
  // Generous, because reading a list again in a loop counts each time; finite, because a message
  // may point to the same bytes from many places.
  constexpr std::uint64_t least_words = std::uint64_t{1} << 20;
  constexpr std::uint64_t times_read = 64;
  return {std::max(times_read * message_words, least_words), message_levels};
}

} // namespace

void seal_value(std::span<const std::byte> key, void* value, std::size_t bytes) noexcept {
  auto& start = *static_cast<seal*>(value);
  start.format = record_format;
  start.zero = 0;
  start.checksum = checksum_of(key, value, bytes);
}

bool is_intact(std::span<const std::byte> key, words_view value,
               std::size_t header_words) noexcept {
  if (value.size() < header_words)
    return false;
  const auto& start = *reinterpret_cast<const seal*>(value.data());
  return start.format == record_format
         && start.checksum == checksum_of(key, value.data(), value.size_bytes());
}

const event_header& header_of(words_view value) noexcept {
  CAIRN_ASSERT(value.size() >= words_of<event_header>);
  return *reinterpret_cast<const event_header*>(value.data());
}

message_in_place::message_in_place(words_view value, std::size_t header_words)
  : segment_{reinterpret_cast<const capnp::word*>(value.data()) + header_words,
             value.size() - header_words},
    message_{kj::arrayPtr(&segment_, 1), limits_for(segment_.size())} {}

event_view::header event_in_place::fixed_part(cairn::position position,
                                              const event_header& header) noexcept {
  return {position, cairn::version{header.version}, cairn::position::from_bits(header.previous),
          header.recorded_at_ns, header.epoch};
}

error corrupt_event(cairn::position position, std::string_view what) {
  return error{errc::corrupt_record,
               "the record at position " + to_string(position) + " " + std::string{what}}
      .with_position(position);
}

} // namespace cairn::detail
