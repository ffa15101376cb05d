#include "subscriptions/subscription_task.hpp"

#include "models/describe.hpp"
#include "support/logger.hpp"
#include "support/start_thread.hpp"

#include <cairn/detail/user_code.hpp>

#include <kj/exception.h>

#include <sstream>
#include <utility>

namespace cairn::detail {
namespace {

/// Thrown through the feed, so that the event counts as not handled.
struct handler_stopped {
  error why;
};

error handler_failure(cairn::position position, const std::string& what) {
  return error{errc::handler_failed,
               "the handler threw at the event at position " + to_string(position) + ": " + what}
      .with_position(position);
}

} // namespace

subscription_task::subscription_task(std::unique_ptr<feed> events,
                                     std::function<void(const event_view&)> handler,
                                     std::function<void(const error&)> on_failure,
                                     std::shared_ptr<logger> log)
  : feed_{std::move(events)}, handler_{std::move(handler)},
    on_failure_{std::move(on_failure)}, log_{std::move(log)} {}

subscription_task::~subscription_task() {
  if (!thread_.joinable())
    return;
  if (thread_.get_id() == std::this_thread::get_id())
    thread_.detach(); // everybody else let go before it ended
  else
    thread_.join(); // it has let go: it is as good as over
}

result<void> subscription_task::start() {
  auto started = start_thread("cairn-events", [self = shared_from_this()] { self->run(); });
  if (!started)
    return std::move(started).error();
  thread_ = *std::move(started);
  return {};
}

void subscription_task::run() noexcept {
  const user_code_scope inside{user_code::handler};
  auto failure = follow();
  handler_ = nullptr; // what it holds goes with the subscription, not with the last handle
  if (failure && log_)
    log_failure(*failure);
  if (failure && on_failure_)
    on_failure_(*failure);
  on_failure_ = nullptr;
  const std::lock_guard lock{mutex_};
  failure_ = std::move(failure);
  ended_ = true;
  changed_.notify_all();
}

void subscription_task::log_failure(const error& failure) const {
  std::ostringstream text;
  text << failure;
  log_->write(log_level::error, "subscription_ended",
              {{"position", to_string(failure.position())}, {"error", text.str()}});
}

std::optional<error> subscription_task::follow() {
  try {
    while (!feed_->interrupted()) {
      const auto went = feed_->next([this](const event_view& event) { return handle(event); },
                                    std::chrono::steady_clock::time_point::max());
      if (!went && went.error().code() == errc::shut_down)
        break;
      if (!went)
        return went.error();
    }
    return std::nullopt;
  } catch (handler_stopped& stopped) {
    return std::move(stopped.why);
  }
}

visit_result subscription_task::handle(const event_view& event) {
  try {
    handler_(event);
  } catch (const kj::Exception&) {
    throw; // becomes corrupt_record on its way
  } catch (const unknown_event_type& unknown) {
    throw handler_stopped{describe(unknown, event.stream(), event.position())};
  } catch (const upcast_failure& failure) {
    throw handler_stopped{describe(failure, event.stream(), event.position())};
  } catch (...) {
    throw handler_stopped{handler_failure(event.position(), describe_current_exception())};
  }
  return feed_->interrupted() ? visit_result::stop : visit_result::proceed;
}

void subscription_task::close() noexcept {
  feed_->interrupt();
  if (!user_code_scope::current().empty())
    return;
  const std::lock_guard lock{joining_};
  if (thread_.joinable())
    thread_.join();
}

bool subscription_task::active() const noexcept {
  const std::lock_guard lock{mutex_};
  return !ended_ && !feed_->interrupted();
}

result<void> subscription_task::wait() const {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [&] { return ended_; });
  if (failure_)
    return *failure_;
  return {};
}

} // namespace cairn::detail

namespace cairn {

subscription::subscription(std::shared_ptr<detail::subscription_task> made) noexcept
  : task_{std::move(made)} {}
subscription::subscription(subscription&&) noexcept = default;

subscription& subscription::operator=(subscription&& other) noexcept {
  if (this != &other) {
    if (task_)
      task_->close();
    task_ = std::move(other.task_);
  }
  return *this;
}

subscription::~subscription() {
  if (task_)
    task_->close();
}

void subscription::close() noexcept {
  task_->close();
}

bool subscription::active() const noexcept {
  return task_->active();
}

cairn::position subscription::position() const noexcept {
  return task_->position();
}

result<void> subscription::wait() const {
  detail::forbid_within(detail::hold_up_the_end, "subscription::wait");
  return task_->wait();
}

} // namespace cairn
