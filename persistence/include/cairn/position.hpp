#pragma once

#include <cairn/assert.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace cairn {

/// Names a shard: one of the logs that a journal consists of. An embedded journal has one, shard 0.
class shard_id {
public:
  constexpr shard_id() noexcept = default;
  explicit constexpr shard_id(std::uint16_t number) noexcept : number_{number} {}

  constexpr std::uint16_t number() const noexcept { return number_; }

  constexpr auto operator<=>(const shard_id&) const noexcept = default;

private:
  std::uint16_t number_ = 0;
};

std::string to_string(shard_id of);
std::ostream& operator<<(std::ostream& out, shard_id of);

/// The place of an event in the journal: its shard, and its number in that shard's log. The events
/// of a log are numbered 1, 2, 3 ... without gaps, in commit order; number 0 is the place before
/// the first one.
///
/// Positions are ordered within a shard only. Those of two shards are not equal, and none of them
/// is less than the other: `<`, `<=`, `>` and `>=` are false. So `std::max`, `std::sort` and
/// `std::set` want positions of one shard, or `position_order`.
class position {
public:
  /// Numbers have 48 bits: at a million events a second, a log is full after nine years.
  static constexpr std::uint64_t max_number = (std::uint64_t{1} << 48) - 1;

  /// The place before the first event of shard 0.
  constexpr position() noexcept = default;

  /// `number`: at most `max_number`; more is a bug and stops the program. For a number from outside
  /// there is `checked`.
  explicit constexpr position(std::uint64_t number, shard_id shard = {}) noexcept
    : bits_{std::uint64_t{shard.number()} << number_bits | number} {
    CAIRN_ASSERT(number <= max_number);
  }

  /// The same for a number from outside; empty: it is beyond `max_number`.
  static constexpr std::optional<position> checked(std::uint64_t number,
                                                   shard_id shard = {}) noexcept {
    if (number > max_number)
      return std::nullopt;
    return position{number, shard};
  }

  /// The place before the first event of `shard`.
  static constexpr position start_of(shard_id shard) noexcept { return position{0, shard}; }
  /// The last place that `shard` could have.
  static constexpr position max(shard_id shard = {}) noexcept {
    return position{max_number, shard};
  }

  /// The form for storing: the shard in the upper 16 bits, the number in the lower 48. In shard 0
  /// it is the plain number.
  static constexpr position from_bits(std::uint64_t bits) noexcept {
    position made;
    made.bits_ = bits;
    return made;
  }
  constexpr std::uint64_t bits() const noexcept { return bits_; }

  constexpr shard_id shard() const noexcept {
    return shard_id{static_cast<std::uint16_t>(bits_ >> number_bits)};
  }
  constexpr std::uint64_t number() const noexcept { return bits_ & max_number; }

  /// True for number 0: the place before the first event.
  constexpr bool is_start() const noexcept { return number() == 0; }

  constexpr position& operator++() noexcept { return *this += 1; }
  constexpr position& operator+=(std::uint64_t events) noexcept { return *this = *this + events; }

  /// The place so many events further in the same log; must not go beyond `max`.
  friend constexpr position operator+(position from, std::uint64_t events) noexcept {
    CAIRN_ASSERT(events <= max_number - from.number());
    return from_bits(from.bits_ + events);
  }
  /// `events` must not exceed the position's number.
  friend constexpr position operator-(position from, std::uint64_t events) noexcept {
    CAIRN_ASSERT(events <= from.number());
    return from_bits(from.bits_ - events);
  }
  /// How many events lie after `b` up to `a`. Both must be of one shard, and `a` not less than `b`.
  friend constexpr std::uint64_t operator-(position a, position b) noexcept {
    CAIRN_ASSERT(a >= b);
    return a.bits_ - b.bits_;
  }

  constexpr bool operator==(const position&) const noexcept = default;
  friend constexpr std::partial_ordering operator<=>(position a, position b) noexcept {
    if (a.shard() != b.shard())
      return std::partial_ordering::unordered;
    return a.bits_ <=> b.bits_;
  }

private:
  static constexpr unsigned number_bits = 48;

  std::uint64_t bits_ = 0;
};

/// A total order, for containers whose keys are positions: by shard, then by number.
struct position_order {
  constexpr bool operator()(position a, position b) const noexcept { return a.bits() < b.bits(); }
};

/// `17` in shard 0, which is all that an embedded journal has; `3:17` in shard 3.
std::string to_string(position of);
std::ostream& operator<<(std::ostream& out, position of);

/// One position for each shard: how far a whole journal has been read, applied or shown. A shard
/// without an entry is at its start.
class shard_positions {
public:
  shard_positions() = default;

  position of(shard_id shard) const noexcept;

  /// Sets the entry of the position's shard, which must not go back. Allocates for the first
  /// position of a shard.
  void advance(position to);

  /// Those that are not at the start, in the order of shards.
  const std::vector<position>& entries() const noexcept { return entries_; }

  bool operator==(const shard_positions&) const = default;

private:
  std::vector<position> entries_;
};

} // namespace cairn

template <>
struct std::hash<cairn::position> {
  std::size_t operator()(cairn::position of) const noexcept {
    return std::hash<std::uint64_t>{}(of.bits());
  }
};
