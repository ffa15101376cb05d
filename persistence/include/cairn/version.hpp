#pragma once

#include <cairn/assert.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <limits>
#include <string>

namespace cairn {

/// The place of an event in its stream: its events are numbered 1, 2, 3 ... without gaps. The
/// version of a stream, or of an aggregate's state, is that of its last event; 0: there is none.
///
/// A type of its own, so that it cannot be mistaken for a `position` or for a plain number. It
/// counts events: the difference of two versions is a number of events.
class version {
public:
  constexpr version() noexcept = default;
  explicit constexpr version(std::uint64_t number) noexcept : number_{number} {}

  /// Greater than every version that an event can have.
  static constexpr version max() noexcept {
    return version{std::numeric_limits<std::uint64_t>::max()};
  }

  constexpr std::uint64_t number() const noexcept { return number_; }

  /// True for version 0: there is no event.
  constexpr bool is_none() const noexcept { return number_ == 0; }

  constexpr version& operator++() noexcept { return *this += 1; }
  constexpr version& operator+=(std::uint64_t events) noexcept { return *this = *this + events; }
  /// Must not go beyond `max`.
  friend constexpr version operator+(version from, std::uint64_t events) noexcept {
    CAIRN_ASSERT(events <= max().number_ - from.number_);
    return version{from.number_ + events};
  }
  /// `events` must not exceed the version's number.
  friend constexpr version operator-(version from, std::uint64_t events) noexcept {
    CAIRN_ASSERT(events <= from.number_);
    return version{from.number_ - events};
  }
  /// How many events lie after `b` up to `a`. `a` must not be less than `b`.
  friend constexpr std::uint64_t operator-(version a, version b) noexcept {
    CAIRN_ASSERT(a.number_ >= b.number_);
    return a.number_ - b.number_;
  }

  constexpr auto operator<=>(const version&) const noexcept = default;

private:
  std::uint64_t number_ = 0;
};

/// The plain number.
std::string to_string(version of);
std::ostream& operator<<(std::ostream& out, version of);

} // namespace cairn

template <>
struct std::hash<cairn::version> {
  std::size_t operator()(cairn::version of) const noexcept {
    return std::hash<std::uint64_t>{}(of.number());
  }
};
