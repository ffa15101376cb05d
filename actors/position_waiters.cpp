#include "position_waiters.hpp"

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
  waiting_.emplace(position, waiter{deadline, state});
  return future<std::uint64_t>{std::move(state)};
}

void position_waiters::advance(std::uint64_t position) {
  std::vector<state_ptr> done;
  std::uint64_t reached = 0;
  {
    const std::lock_guard lock{mutex_};
    reached = reached_ = std::max(reached_, position);
    const auto end = waiting_.upper_bound(reached);
    for (auto at = waiting_.begin(); at != end; ++at)
      done.push_back(std::move(at->second.state));
    waiting_.erase(waiting_.begin(), end);
  }
  for (const auto& state : done)
    state->settle(reached);
}

void position_waiters::stop(const error& why) {
  std::multimap<std::uint64_t, waiter> failed;
  {
    const std::lock_guard lock{mutex_};
    stopped_ = why;
    failed.swap(waiting_);
  }
  for (const auto& [position, waiting] : failed)
    waiting.state->settle(why);
}

void position_waiters::go_on() {
  const std::lock_guard lock{mutex_};
  stopped_.reset();
}

position_waiters::time_point position_waiters::expire(time_point now) {
  std::vector<std::pair<std::uint64_t, state_ptr>> late;
  auto next = time_point::max();
  {
    const std::lock_guard lock{mutex_};
    for (auto at = waiting_.begin(); at != waiting_.end();) {
      if (at->second.deadline <= now) {
        late.emplace_back(at->first, std::move(at->second.state));
        at = waiting_.erase(at);
      } else {
        next = std::min(next, at->second.deadline);
        ++at;
      }
    }
  }
  for (const auto& [position, state] : late)
    state->settle(error{errc::deadline_exceeded, "the projection did not reach position "
                                                     + std::to_string(position) + " in time"});
  return next;
}

} // namespace cairn::detail
