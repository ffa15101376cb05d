#include "subscriptions/durable_set.hpp"

#include "subscriptions/durable_task.hpp"

#include <utility>
#include <vector>

namespace cairn::detail {

result<durable_subscription> durable_set::subscribe(std::string name,
                                                    const event_selection& selection,
                                                    durable_handler handle,
                                                    const durable_subscription_options& options) {
  // Let go of after the lock is released: they hold what is the application's.
  std::shared_ptr<durable_task> over;
  std::shared_ptr<durable_task> opened;
  const std::lock_guard lock{mutex_}; // also while it is opened: of one name there is one
  if (closed_)
    return error{errc::shut_down, "the runtime is closed"};
  if (const auto found = tasks_.find(name); found != tasks_.end()) {
    if (!found->second->closed())
      return error{errc::already_open,
                   "this runtime has a durable subscription " + name + " already"};
    over = std::move(found->second);
    tasks_.erase(found);
  }
  auto made = durable_task::open(name, log_, selection, handle, options, root_, environment_);
  if (!made)
    return std::move(made).error();
  opened = *std::move(made);
  if (auto started = opened->start(); !started)
    return std::move(started).error();
  tasks_.emplace(std::move(name), opened);
  return durable_subscription{std::move(opened)};
}

bool durable_set::turn() {
  std::vector<std::shared_ptr<durable_task>> wanting;
  {
    const std::lock_guard lock{mutex_};
    for (const auto& [name, task] : tasks_)
      if (task->machine().wants_turn())
        wanting.push_back(task);
  }
  for (const auto& task : wanting)
    task->turn();
  return !wanting.empty();
}

result<void> durable_set::close() {
  decltype(tasks_) closing;
  {
    const std::lock_guard lock{mutex_};
    closed_ = true;
    closing.swap(tasks_);
  }
  for (const auto& [name, task] : closing)
    task->retire(); // all at once: one may be waiting for what another does
  result<void> closed;
  for (const auto& [name, task] : closing)
    if (auto done = task->finish(); !done && closed)
      closed = std::move(done);
  return closed;
}

} // namespace cairn::detail
