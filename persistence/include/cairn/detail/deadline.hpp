#pragma once

#include <chrono>
#include <limits>

namespace cairn::detail {

/// `time` as steady ticks, rounded up; what a number of ticks cannot hold becomes the nearest that
/// it can, and what is no number (NaN) becomes none.
template <class Rep, class Period>
constexpr std::chrono::steady_clock::duration
saturated(std::chrono::duration<Rep, Period> time) noexcept {
  using ticks = std::chrono::steady_clock::duration;
  using real = std::chrono::duration<long double, ticks::period>;
  // 64 bits of mantissa hold every whole number of ticks, so nothing within the bounds is lost.
  static_assert(std::numeric_limits<long double>::digits >= 63);
  const auto exact = std::chrono::duration_cast<real>(time);
  if (!(exact == exact))
    return ticks::zero();
  if (exact >= real{ticks::max()})
    return ticks::max();
  if (exact <= real{ticks::min()})
    return ticks::min();
  return std::chrono::ceil<ticks>(exact);
}

/// The time so long after `now`, or the clock's end if that is later.
constexpr std::chrono::steady_clock::time_point
later_by(std::chrono::steady_clock::time_point now,
         std::chrono::steady_clock::duration time) noexcept {
  using point = std::chrono::steady_clock::time_point;
  if (time > std::chrono::steady_clock::duration::zero()
      && now.time_since_epoch() > point::max().time_since_epoch() - time)
    return point::max();
  if (time < std::chrono::steady_clock::duration::zero()
      && now.time_since_epoch() < point::min().time_since_epoch() - time)
    return point::min();
  return now + time;
}

/// When a wait that begins now and takes any duration is over.
template <class Rep, class Period>
std::chrono::steady_clock::time_point
deadline_after(std::chrono::duration<Rep, Period> timeout) noexcept {
  return later_by(std::chrono::steady_clock::now(), saturated(timeout));
}

} // namespace cairn::detail
