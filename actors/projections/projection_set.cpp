#include "projections/projection_set.hpp"

#include "support/start_thread.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace cairn::detail {

result<std::shared_ptr<projection_host>>
projection_set::project(std::unique_ptr<projection_model> model, projection_options options) {
  auto opened = find_or_open(std::move(model), std::move(options));
  if (!opened)
    return std::move(opened).error();
  // Replies advance it only once it has caught up, so it must have before the first one.
  if ((*opened)->is_inline())
    (*opened)->wait_until_caught_up();
  if ((*opened)->is_closed())
    return error{errc::shut_down, "the runtime is closed"};
  return std::shared_ptr<projection_host>{*std::move(opened)};
}

result<projection_set::hosted_ptr>
projection_set::find_or_open(std::unique_ptr<projection_model> model, projection_options options) {
  const std::lock_guard one_at_a_time{opening_};
  {
    const std::lock_guard lock{mutex_};
    if (closed_)
      return error{errc::shut_down, "the runtime is closed"};
    if (const auto found = projections_.find(model->name); found != projections_.end()) {
      check(found->second->model().identity == model->identity,
            "two projections of the application have the same name");
      return found->second;
    }
  }
  auto name = model->name;
  auto opened =
      hosted_projection::open(std::move(model), log_, root_, std::move(options), environment_,
                              [this](time_point deadline) { arm(deadline); });
  if (!opened)
    return opened;
  const std::lock_guard lock{mutex_};
  projections_.emplace(std::move(name), *opened);
  if ((*opened)->is_inline()) {
    auto inlined = inline_ ? *inline_ : std::vector<hosted_ptr>{};
    inlined.push_back(*opened);
    inline_ = std::make_shared<const std::vector<hosted_ptr>>(std::move(inlined));
    any_inline_ = true;
  }
  return opened;
}

void projection_set::before_replies(
    cairn::position position, std::span<const std::unique_ptr<append_operation>> appends) noexcept {
  if (!any_inline_)
    return;
  std::shared_ptr<const std::vector<hosted_ptr>> inlined;
  {
    const std::lock_guard lock{mutex_};
    inlined = inline_;
  }
  if (!inlined)
    return;
  for (std::size_t i = 0; i < appends.size(); ++i) {
    if (constexpr std::size_t ahead = 4; i + ahead < appends.size()) // another thread has made them
      appends[i + ahead]->events.prefetch();
    const auto& [events, outcome] = std::tie(appends[i]->events, appends[i]->outcome);
    if (outcome && *outcome && (*outcome)->count > 0)
      recent_.add(events, **outcome);
  }
  for (const auto& each : *inlined)
    each->fold_until(position, recent_);
  recent_.clear();
}

bool projection_set::turn() {
  std::vector<hosted_ptr> wanting;
  {
    const std::lock_guard lock{mutex_};
    wanting = all();
  }
  bool any = false;
  for (const auto& each : wanting)
    any = each->turn() || any;
  return any;
}

result<void> projection_set::close() {
  std::map<std::string, hosted_ptr, std::less<>> closing;
  {
    const std::lock_guard one_at_a_time{opening_};
    const std::lock_guard lock{mutex_};
    closed_ = true;
    closing.swap(projections_);
    inline_.reset();
    any_inline_ = false;
    armed_.notify_all();
  }
  result<void> closed;
  for (const auto& [name, each] : closing)
    if (auto done = each->close(); !done && closed)
      closed = std::move(done);
  if (watch_.joinable())
    watch_.join();
  return closed;
}

std::vector<projection_set::hosted_ptr> projection_set::all() const {
  std::vector<hosted_ptr> found;
  for (const auto& [name, each] : projections_)
    found.push_back(each);
  return found;
}

void projection_set::arm(time_point deadline) {
  const std::lock_guard lock{mutex_};
  if (closed_)
    return;
  if (!watch_.joinable() && environment_.turns.by_threads) {
    if (auto started = start_thread("cairn-deadline", [this] { watch_deadlines(); }))
      watch_ = *std::move(started); // else with the next one
  }
  if (deadline >= next_deadline_)
    return;
  next_deadline_ = deadline;
  armed_.notify_all();
}

void projection_set::watch_deadlines() {
  std::unique_lock lock{mutex_};
  while (!closed_) {
    if (next_deadline_ == time_point::max())
      armed_.wait(lock);
    else
      armed_.wait_until(lock, next_deadline_);
    const auto now = std::chrono::steady_clock::now();
    if (closed_ || next_deadline_ > now)
      continue;
    next_deadline_ = time_point::max();
    const auto waited_for = all();
    lock.unlock();
    auto next = time_point::max();
    for (const auto& each : waited_for)
      next = std::min(next, each->expire(now));
    lock.lock();
    next_deadline_ = std::min(next_deadline_, next);
  }
}

} // namespace cairn::detail
