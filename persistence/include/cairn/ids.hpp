#pragma once

#include <cairn/result.hpp>
#include <cairn/version.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>

namespace cairn {

/// Limits on the names of streams, in bytes. A stream's name is an LMDB key, and those end at 511
/// bytes.
inline constexpr std::size_t max_aggregate_type_bytes = 64;
inline constexpr std::size_t max_aggregate_id_bytes = 255;

/// Names a stream: the aggregate's type and its id within the type, written `type/id`.
///
/// The type is 1 to 64 of `a-z 0-9 - _ .`; the id is 1 to 255 bytes of UTF-8 without control
/// characters. Ids are checked here, at the edge, so that no layer below meets an empty, over-long
/// or unprintable one.
class stream_id {
public:
  /// Errors: `invalid_argument`, naming the part, the limit it broke and, for a forbidden byte, its
  /// place.
  static result<stream_id> make(std::string_view type, std::string_view id);

  /// Takes a `type/id` apart; the errors of `make`, and `invalid_argument` if there is no `/`.
  static result<stream_id> parse(std::string_view name);

  std::string_view type() const noexcept { return std::string_view{name_}.substr(0, type_size_); }
  std::string_view id() const noexcept { return std::string_view{name_}.substr(type_size_ + 1); }

  /// `type/id`.
  const std::string& name() const noexcept { return name_; }

  std::size_t hash() const noexcept { return hash_; }

  bool operator==(const stream_id& other) const noexcept { return name_ == other.name_; }
  std::strong_ordering operator<=>(const stream_id& other) const noexcept {
    return name_ <=> other.name_;
  }

private:
  stream_id(std::string name, std::size_t type_size);

  std::string name_;
  std::size_t type_size_;
  std::size_t hash_;
};

std::ostream& operator<<(std::ostream& out, const stream_id& id);

/// 128 bits that name a message: a command id, a correlation id or a causation id. All zero means
/// "none".
class message_id {
public:
  constexpr message_id() noexcept = default;
  constexpr message_id(std::uint64_t high, std::uint64_t low) noexcept : high_{high}, low_{low} {}

  /// A fresh random id (version 4 of RFC 9562), from the operating system's generator at first use
  /// in each thread and a 64-bit generator seeded by it afterwards: unique, not secret.
  static message_id random();

  /// The id that `text` stands for: a UUID in its usual form (RFC 9562, any case) is taken as its
  /// 128 bits; any other text is hashed (XXH3, 128 bits), so the same text gives the same id on
  /// every machine and in every release. An empty text gives the empty id.
  static message_id from_text(std::string_view text) noexcept;

  constexpr std::uint64_t high() const noexcept { return high_; }
  constexpr std::uint64_t low() const noexcept { return low_; }
  constexpr bool empty() const noexcept { return high_ == 0 && low_ == 0; }

  /// The usual form of a UUID, lower case.
  std::string to_string() const;

  constexpr auto operator<=>(const message_id&) const noexcept = default;

private:
  std::uint64_t high_ = 0;
  std::uint64_t low_ = 0;
};

std::ostream& operator<<(std::ostream& out, const message_id& id);

/// What an append demands of its stream before it extends it.
class expected_version {
public:
  enum class kind : std::uint8_t { any, none, exists, exact };

  /// No demand.
  static constexpr expected_version any() noexcept { return {kind::any, cairn::version{}}; }
  /// The stream has no events.
  static constexpr expected_version none() noexcept { return {kind::none, cairn::version{}}; }
  /// The stream has at least one event.
  static constexpr expected_version exists() noexcept { return {kind::exists, cairn::version{}}; }
  /// The stream's last event has this version; 0 is the same as `none`.
  static constexpr expected_version exact(cairn::version version) noexcept {
    return {kind::exact, version};
  }

  constexpr kind what() const noexcept { return kind_; }
  /// The version of `exact`; 0 for the other kinds.
  constexpr cairn::version version() const noexcept { return version_; }

  /// Whether a stream whose last version is `actual` (0: no events) meets the demand.
  constexpr bool admits(cairn::version actual) const noexcept {
    switch (kind_) {
      case kind::any: return true;
      case kind::none: return actual.is_none();
      case kind::exists: return !actual.is_none();
      case kind::exact: return actual == version_;
    }
    return false;
  }

  constexpr bool operator==(const expected_version&) const noexcept = default;

private:
  constexpr expected_version(kind what, cairn::version version) noexcept
    : version_{version}, kind_{what} {}

  cairn::version version_;
  kind kind_;
};

/// Prints `any`, `none`, `exists` or `exactly 7`.
std::ostream& operator<<(std::ostream& out, const expected_version& expected);

} // namespace cairn

template <>
struct std::hash<cairn::stream_id> {
  std::size_t operator()(const cairn::stream_id& id) const noexcept { return id.hash(); }
};
