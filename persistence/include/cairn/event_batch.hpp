#pragma once

#include <cairn/function_ref.hpp>
#include <cairn/ids.hpp>
#include <cairn/result.hpp>
#include <cairn/schema.hpp>

#include <capnp/any.h>
#include <capnp/common.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cairn {

/// Limits on what goes into one record.
inline constexpr std::size_t default_max_event_bytes = std::size_t{1} << 20;
/// The range of the options named `max_event_bytes`: any stream's smallest event fits.
inline constexpr std::size_t least_max_event_bytes = std::size_t{1} << 10;
inline constexpr std::size_t most_max_event_bytes = std::size_t{256} << 20;
/// The fixed header in front of each record's message, in words of 8 bytes; see FORMAT.md.
inline constexpr std::size_t record_header_words = 5;
/// Levels of pointers that an event's payload may have: the payload is the first, what one of its
/// fields points to the second, and a struct in a list is a level below the list.
inline constexpr int max_nesting = 64;
inline constexpr std::size_t max_tags = 16;
inline constexpr std::size_t max_tag_bytes = 128;
inline constexpr std::size_t max_reservations = 16;
inline constexpr std::size_t max_key_bytes = 255;

/// Reserves a key for one stream, or releases it. Keys are unique across all streams.
struct reservation {
  std::string key;      ///< 1 to `max_key_bytes` bytes of UTF-8 without control characters.
  bool release = false; ///< true: releases the key instead of reserving it.

  bool operator==(const reservation&) const = default;
};

/// What an event's record holds beside the event.
struct event_metadata {
  message_id command_id = {}; ///< The command that the event is an effect of; empty: it had no id.
  message_id correlation_id = {}; ///< The conversation the command belongs to; empty: unknown.
  message_id causation_id = {};   ///< The message that caused the command; empty: unknown.
  /// At most `max_tags`, each 1 to `max_tag_bytes` bytes of UTF-8 without control characters. A
  /// tag that is given twice counts once.
  std::span<const std::string_view> tags = {};
  /// At most `max_reservations`. They take effect with the event, in their order.
  std::span<const reservation> reservations = {};
};

/// Events of one stream, encoded as the records that the journal will hold, in the order of their
/// versions. The first one says which stream; a batch that has been emptied takes any.
///
/// Encoding happens where the event is made (an aggregate's thread); the journal's writer only
/// copies the bytes and fills in the version, position, time and epoch. All records lie in one
/// buffer, which `clear` keeps for the next use. One thread at a time.
class event_batch {
public:
  /// `max_event_bytes`: the largest record, header included, that `add` accepts.
  explicit event_batch(std::size_t max_event_bytes = default_max_event_bytes);

  /// Appends a record for an event of the Cap'n Proto type `type`, whose payload `fill` writes into
  /// the pointer that it is given.
  ///
  /// Errors: `invalid_argument` naming both streams if the batch holds events of another one, or
  /// naming the limit if the record, a tag or a key is too large, there are too many of them, one
  /// holds a control character, or the payload nests deeper than `max_nesting`; the batch is then
  /// as before. What `fill` throws passes through, likewise.
  result<void> add(const stream_id& stream, const event_metadata& metadata, std::uint64_t type,
                   function_ref<void(capnp::AnyPointer::Builder)> fill);

  /// The same for a generated value struct.
  template <schema_value T>
  result<void> add(const stream_id& stream, const event_metadata& metadata, const T& event) {
    return add(stream, metadata, type_id_of<T>(), [&](capnp::AnyPointer::Builder payload) {
      schema_of<T>::write(event, payload.initAs<typename schema_of<T>::wire>());
    });
  }

  /// Whether its events, if there are any, are of this stream.
  bool is_for(const stream_id& stream) const noexcept {
    return empty() || stream_ == stream.name();
  }
  /// The name of their stream. There must be one.
  const std::string& stream() const noexcept { return stream_; }

  /// A tag of one of the records.
  struct record_tag {
    std::string tag;
    std::size_t record; ///< Its index.
  };

  /// The tags of all records, for the journal's index; in the order of records.
  std::span<const record_tag> tags() const noexcept { return tags_; }

  /// A reservation that one of the records makes.
  struct record_reservation {
    reservation wanted;
    std::size_t record; ///< Its index.
  };

  /// The reservations of all records, in their order.
  std::span<const record_reservation> reservations() const noexcept { return reservations_; }

  std::size_t size() const noexcept { return ends_.size(); }
  bool empty() const noexcept { return ends_.empty(); }
  /// Bytes of all records together.
  std::size_t bytes() const noexcept { return words_.size() * sizeof(std::uint64_t); }

  /// The record with this index, from 0: its header (still without what the writer fills in) and
  /// its message. Valid until the batch is changed.
  std::span<capnp::word> record(std::size_t index) noexcept;
  std::span<const capnp::word> record(std::size_t index) const noexcept;

  /// The message of that record, without the header.
  std::span<const capnp::word> message(std::size_t index) const noexcept {
    return record(index).subspan(record_header_words);
  }

  /// Starts bringing the first records into the processor's cache.
  void prefetch() const noexcept {
    constexpr std::size_t cache_line_words = 8, most_words = 10 * cache_line_words;
    for (std::size_t i = 0; i < words_.size() && i < most_words; i += cache_line_words)
      __builtin_prefetch(words_.data() + i);
    __builtin_prefetch(ends_.data());
  }

  /// Drops the records from `count` on.
  void truncate(std::size_t count) noexcept;
  void clear() noexcept { truncate(0); }

private:
  std::vector<std::uint64_t> words_; // capnp::word, which clang does not let a vector hold
  std::vector<std::size_t> ends_;    // one past each record, in words
  std::string stream_;               // of the records, if there are any
  std::vector<record_tag> tags_;     // mostly none
  std::vector<record_reservation> reservations_; // mostly none
  std::size_t max_event_bytes_;
  std::size_t expected_words_; // of the next message
};

} // namespace cairn
