#include "projections/position_waiters.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace cairn::detail {

future<std::uint64_t> position_waiters::add(std::uint64_t position, time_point deadline) {
  const std::lock_guard lock{mutex_};
  if (reached_ >= position)
    return future<std::uint64_t>::settled(reached_);
  if (stopped_)
    return future<std::uint64_t>::settled(*stopped_);
  auto state = make_intrusive<future_state<std::uint64_t>>();
  const auto at = waiting_.emplace(position, waiter{state, std::nullopt});
  if (deadline != time_point::max())
    at->second.deadline = deadlines_.emplace(deadline, at);
  return future<std::uint64_t>{std::move(state)};
}

void position_waiters::forget_deadline(const waiter& of) {
  if (of.deadline)
    deadlines_.erase(*of.deadline);
}

void position_waiters::update(std::uint64_t position,
                              function_ref<std::optional<error>()> stopped) {
  std::vector<state_ptr> done;
  by_position failed;
  std::optional<error> why;
  std::uint64_t reached = 0;
  {
    const std::lock_guard lock{mutex_};
    reached = reached_ = std::max(reached_, position);
    const auto end = waiting_.upper_bound(reached);
    for (auto at = waiting_.begin(); at != end; ++at) {
      forget_deadline(at->second);
      done.push_back(std::move(at->second.state));
    }
    waiting_.erase(waiting_.begin(), end);
    if (!closed_)
      stopped_ = stopped();
    why = stopped_;
    if (why) {
      failed.swap(waiting_);
      deadlines_.clear();
    }
  }
  for (const auto& state : done)
    state->settle(reached);
  for (const auto& [wanted, waiting] : failed)
    waiting.state->settle(*why);
}

void position_waiters::close(const error& why) {
  by_position failed;
  {
    const std::lock_guard lock{mutex_};
    if (std::exchange(closed_, true))
      return;
    stopped_ = why;
    failed.swap(waiting_);
    deadlines_.clear();
  }
  for (const auto& [position, waiting] : failed)
    waiting.state->settle(why);
}

std::size_t position_waiters::waiting() const {
  const std::lock_guard lock{mutex_};
  return waiting_.size();
}

position_waiters::time_point position_waiters::expire(time_point now) {
  std::vector<std::pair<std::uint64_t, state_ptr>> late;
  auto next = time_point::max();
  {
    const std::lock_guard lock{mutex_};
    const auto end = deadlines_.upper_bound(now);
    for (auto at = deadlines_.begin(); at != end; at = deadlines_.erase(at)) {
      late.emplace_back(at->second->first, std::move(at->second->second.state));
      waiting_.erase(at->second);
    }
    if (end != deadlines_.end())
      next = end->first;
  }
  for (const auto& [position, state] : late)
    state->settle(error{errc::deadline_exceeded, "the projection did not reach position "
                                                     + std::to_string(position) + " in time"});
  return next;
}

} // namespace cairn::detail
