#include "subscriptions/subscription_hub.hpp"

#include "subscriptions/feed.hpp"
#include "subscriptions/subscription_task.hpp"
#include "support/option_range.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace cairn::detail {
namespace {

// A batch is in memory as a whole.
constexpr std::size_t most_batch_events = std::size_t{1} << 24;
constexpr std::size_t most_batch_bytes = std::size_t{1} << 30;

result<void> check_options(const subscription_options& options) {
  return option_ranges{"subscription_options"}
      .check("max_batch_events", options.max_batch_events, 1, most_batch_events)
      .check("max_batch_bytes", options.max_batch_bytes, 1, most_batch_bytes)
      .outcome();
}

} // namespace

result<std::unique_ptr<feed>> subscription_hub::open(const event_selection& selection,
                                                     const subscription_options& options) {
  if (auto checked = check_options(options); !checked)
    return std::move(checked).error();
  auto source = make_event_source(journal_, &gate_, selection, options.start);
  if (!source)
    return std::move(source).error();
  const fill_limits limits{.events = options.max_batch_events,
                           .bytes = options.max_batch_bytes,
                           .last_position = position::max((*source)->position().shard())};
  return std::make_unique<feed>(shared_from_this(), *std::move(source), limits);
}

result<event_feed> subscription_hub::follow(const event_selection& selection,
                                            const subscription_options& options) {
  auto opened = open(selection, options);
  if (!opened)
    return std::move(opened).error();
  return event_feed{*std::move(opened)};
}

result<subscription> subscription_hub::subscribe(const event_selection& selection,
                                                 const subscription_options& options,
                                                 std::function<void(const event_view&)> handler) {
  auto events = open(selection, options);
  if (!events)
    return std::move(events).error();
  auto made = std::make_shared<subscription_task>(*std::move(events), std::move(handler),
                                                  options.on_failure, log_);
  std::vector<std::shared_ptr<subscription_task>> over; // let go of after the lock is released
  const std::lock_guard lock{mutex_};
  if (closed_)
    return error{errc::shut_down, "the runtime is closed"};
  if (auto started = made->start(); !started)
    return std::move(started).error();
  const auto kept = std::partition(tasks_.begin(), tasks_.end(),
                                   [](const auto& task) { return task.use_count() > 1; });
  over.assign(std::make_move_iterator(kept), std::make_move_iterator(tasks_.end()));
  tasks_.erase(kept, tasks_.end());
  tasks_.push_back(made);
  return subscription{std::move(made)};
}

void subscription_hub::close() noexcept {
  gate_.close();
  {
    const std::lock_guard lock{mutex_};
    closed_ = true;
    for (feed* const open : feeds_)
      open->interrupt();
  }
  gate_.wait_until_empty();
  std::vector<std::shared_ptr<subscription_task>> tasks;
  {
    const std::lock_guard lock{mutex_};
    tasks.swap(tasks_);
  }
  for (const auto& task : tasks)
    task->close();
}

void subscription_hub::suspend() noexcept {
  const std::lock_guard lock{mutex_};
  suspended_ = true;
}

void subscription_hub::resume() noexcept {
  const std::lock_guard lock{mutex_};
  suspended_ = false;
  ++reopenings_;
  reopened_.notify_all();
}

bool subscription_hub::wait_until_reopened(const error& why, std::uint64_t reopenings,
                                           std::chrono::steady_clock::time_point deadline,
                                           const std::stop_token& interrupt) {
  if (why.code() != errc::journal_stopped && why.code() != errc::io_failed)
    return false;
  std::unique_lock lock{mutex_};
  const auto reopened = [&] { return reopenings_ != reopenings; };
  if (!reopened() && why.code() == errc::io_failed && !suspended_) {
    lock.unlock();
    const bool stopped = journal_.status().stopped_by.has_value();
    lock.lock();
    if (!stopped && !suspended_ && !reopened())
      return false;
  }
  return reopened_.wait_until(lock, interrupt, deadline, reopened);
}

void subscription_hub::add(feed& opened) {
  const std::lock_guard lock{mutex_};
  feeds_.push_back(&opened);
  if (closed_)
    opened.interrupt();
}

void subscription_hub::remove(feed& over) noexcept {
  const std::lock_guard lock{mutex_};
  feeds_.erase(std::find(feeds_.begin(), feeds_.end(), &over));
}

} // namespace cairn::detail
