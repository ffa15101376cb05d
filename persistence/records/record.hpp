#pragma once

#include <cairn/append.hpp>
#include <cairn/error.hpp>
#include <cairn/event_view.hpp>

#include <capnp/serialize.h>

#include <bit>
#include <cstdint>
#include <span>

/// The bytes of what the journal stores; specified in FORMAT.md.
namespace cairn::detail {

static_assert(std::endian::native == std::endian::little, "the format is little-endian, in place");

inline constexpr std::uint16_t record_format = 1;

/// Starts every value that the journal stores.
///
/// The checksum is CRC32C (RFC 3720, as in iSCSI) over the key's bytes and then the value's from
/// byte 4 on: a record that LMDB returns under a wrong key fails too.
struct seal {
  std::uint32_t checksum;
  std::uint16_t format;
  std::uint16_t zero;
};

/// In front of an event's message: what only the writer knows.
struct event_header {
  struct seal seal;
  std::uint64_t version;
  std::uint64_t previous; // a position's bits
  std::uint64_t recorded_at_ns;
  std::uint64_t epoch;
};

/// A stream's head: the whole value in `heads` and `reservations`, and in front of a snapshot's
/// message.
struct head_record {
  struct seal seal;
  std::uint64_t version;
  std::uint64_t position; // its bits

  stream_head head() const noexcept {
    return {cairn::version{version}, cairn::position::from_bits(position)};
  }
};

/// In front of the message of a generation of schemas.
struct schema_header {
  struct seal seal;
  std::uint64_t recorded_at_ns;
};

template <class Record>
inline constexpr std::size_t words_of = sizeof(Record) / sizeof(std::uint64_t);

static_assert(sizeof(event_header) == 40 && sizeof(head_record) == 24);
static_assert(sizeof(schema_header) == 16);

using words_view = std::span<const std::uint64_t>;

/// Sets format and checksum of the value at `value` (its `seal` is overwritten) for `key`.
void seal_value(std::span<const std::byte> key, void* value, std::size_t bytes) noexcept;

/// Whether the checksum and the format of a value hold, and it has at least `header_words` words.
bool is_intact(std::span<const std::byte> key, words_view value, std::size_t header_words) noexcept;

inline std::span<const std::byte> key_bytes(const std::uint64_t& number) noexcept {
  return std::as_bytes(std::span{&number, 1});
}
/// The key of an event: in shard 0 its number.
inline std::span<const std::byte> key_bytes(const cairn::position& at) noexcept {
  static_assert(sizeof(at) == sizeof(std::uint64_t));
  return std::as_bytes(std::span{&at, 1});
}

/// The event's header; the value must be intact or at least that long.
const event_header& header_of(words_view value) noexcept;

/// Reads a message in place, after a header of `header_words`. Getting its root throws
/// `kj::Exception` if the bytes are not a message.
class message_in_place {
public:
  message_in_place(words_view value, std::size_t header_words);
  message_in_place(const message_in_place&) = delete;
  message_in_place& operator=(const message_in_place&) = delete;

  template <class Root>
  typename Root::Reader root() {
    return message_.getRoot<Root>();
  }

private:
  kj::ArrayPtr<const capnp::word> segment_;
  capnp::SegmentArrayMessageReader message_;
};

/// An event in place: the header and the message of one intact value.
class event_in_place {
public:
  event_in_place(cairn::position position, words_view value)
    : message_{value, words_of<event_header>}, view_{fixed_part(position, header_of(value)),
                                                     message_.root<format::EventRecord>(),
                                                     value.subspan(words_of<event_header>)} {}

  const event_view& view() const noexcept { return view_; }

  static event_view::header fixed_part(cairn::position position,
                                       const event_header& header) noexcept;

private:
  message_in_place message_;
  event_view view_;
};

/// `corrupt_record` for the event at `position`.
error corrupt_event(cairn::position position, std::string_view what);

} // namespace cairn::detail
