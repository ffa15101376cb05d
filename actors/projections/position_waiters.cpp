#include "projections/position_waiters.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace cairn::detail {

position_waiters::shard& position_waiters::shard_of(cairn::position position) {
  const auto id = position.shard();
  return shards_.try_emplace(id, shard{cairn::position::start_of(id), {}}).first->second;
}

future<cairn::position> position_waiters::add(cairn::position position, time_point deadline) {
  const std::lock_guard lock{mutex_};
  auto& home = shard_of(position);
  if (home.reached >= position)
    return future<cairn::position>::settled(home.reached);
  if (stopped_)
    return future<cairn::position>::settled(*stopped_);
  auto state = make_intrusive<future_state<cairn::position>>();
  const auto at = home.waiting.emplace(position, waiter{state, std::nullopt});
  if (deadline != time_point::max())
    at->second.deadline = deadlines_.emplace(deadline, at);
  return future<cairn::position>{std::move(state)};
}

void position_waiters::forget_deadline(const waiter& of) {
  if (of.deadline)
    deadlines_.erase(*of.deadline);
}

/// Under the lock: those who wait in any shard, and do not any more.
std::vector<position_waiters::state_ptr> position_waiters::take_all() {
  std::vector<state_ptr> taken;
  for (auto& [id, each] : shards_) {
    for (auto& [position, waiting] : each.waiting)
      taken.push_back(std::move(waiting.state));
    each.waiting.clear();
  }
  deadlines_.clear();
  return taken;
}

void position_waiters::update(cairn::position position,
                              function_ref<std::optional<error>()> stopped) {
  std::vector<state_ptr> done;
  std::vector<state_ptr> failed;
  std::optional<error> why;
  cairn::position reached;
  {
    const std::lock_guard lock{mutex_};
    auto& [now, waiting] = shard_of(position);
    reached = now = std::max(now, position);
    const auto end = waiting.upper_bound(reached);
    for (auto at = waiting.begin(); at != end; ++at) {
      forget_deadline(at->second);
      done.push_back(std::move(at->second.state));
    }
    waiting.erase(waiting.begin(), end);
    if (!closed_)
      stopped_ = stopped();
    why = stopped_;
    if (why)
      failed = take_all();
  }
  for (const auto& state : done)
    state->settle(reached);
  for (const auto& state : failed)
    state->settle(*why);
}

void position_waiters::close(const error& why) {
  std::vector<state_ptr> failed;
  {
    const std::lock_guard lock{mutex_};
    if (std::exchange(closed_, true))
      return;
    stopped_ = why;
    failed = take_all();
  }
  for (const auto& state : failed)
    state->settle(why);
}

std::size_t position_waiters::waiting() const {
  const std::lock_guard lock{mutex_};
  std::size_t all = 0;
  for (const auto& [id, each] : shards_)
    all += each.waiting.size();
  return all;
}

position_waiters::time_point position_waiters::expire(time_point now) {
  std::vector<std::pair<cairn::position, state_ptr>> late;
  auto next = time_point::max();
  {
    const std::lock_guard lock{mutex_};
    const auto end = deadlines_.upper_bound(now);
    for (auto at = deadlines_.begin(); at != end; at = deadlines_.erase(at)) {
      const auto position = at->second->first;
      late.emplace_back(position, std::move(at->second->second.state));
      shard_of(position).waiting.erase(at->second);
    }
    if (end != deadlines_.end())
      next = end->first;
  }
  for (const auto& [position, state] : late)
    state->settle(error{errc::deadline_exceeded, "the projection did not reach position "
                                                     + to_string(position) + " in time"});
  return next;
}

} // namespace cairn::detail
