#include "subscriptions/feed.hpp"

#include <cairn/detail/user_code.hpp>

#include <utility>

namespace cairn::detail {

feed::feed(std::shared_ptr<subscription_hub> hub, std::unique_ptr<event_source> source,
           const fill_limits& limits)
  : hub_{std::move(hub)}, source_{std::move(source)}, limits_{limits}, position_{
                                                                           source_->position()} {
  hub_->add(*this);
}

feed::~feed() {
  check(!showing_, "an event_feed was destroyed within its visitor");
  hub_->remove(*this);
}

result<std::size_t> feed::next(event_visitor visitor,
                               std::chrono::steady_clock::time_point deadline) {
  check(!showing_, "event_feed::next was called within its visitor");
  if (next_ == batch_.size()) {
    if (auto filled = refill(deadline); !filled)
      return std::move(filled).error();
  }
  return show(visitor);
}

/// Reads and waits until there is something in the batch, or a reason to give up. The journal is
/// touched here only, and no function of the application is called.
result<void> feed::refill(std::chrono::steady_clock::time_point deadline) {
  batch_.clear();
  next_ = 0;
  const auto interrupt = stop_.get_token();
  for (;;) {
    const auto opening = hub_->reopenings();
    auto filled = source_->fill(batch_, limits_, interrupt);
    if (!batch_.empty())
      return {}; // an error is met again when these have been shown
    if (!filled) {
      if (!hub_->wait_until_reopened(filled.error(), opening, deadline, interrupt))
        return filled;
      continue;
    }
    position_.store(source_->position(), std::memory_order_release);
    if (interrupt.stop_requested() || std::chrono::steady_clock::now() >= deadline)
      return {};
    if (auto waited = source_->wait_beyond(source_->position(), deadline, interrupt); !waited)
      return waited;
  }
}

result<std::size_t> feed::show(event_visitor visitor) {
  struct shows {
    explicit shows(bool& flag) noexcept : flag_{flag} { flag_ = true; }
    ~shows() { flag_ = false; }
    bool& flag_;
  } const guard{showing_};
  const std::size_t first = next_;
  const auto pass_on = [&](const event_view& event) {
    ++next_; // also if the visitor throws
    const auto went = visitor(event);
    position_.store(event.position(), std::memory_order_release);
    return went;
  };
  auto shown = batch_.visit_from(next_, pass_on);
  if (!shown)
    return shown;
  if (next_ == batch_.size())
    position_.store(source_->position(), std::memory_order_release);
  return next_ - first;
}

} // namespace cairn::detail

namespace cairn {

event_feed::event_feed(std::unique_ptr<detail::feed> made) noexcept : feed_{std::move(made)} {}
event_feed::event_feed(event_feed&&) noexcept = default;
event_feed& event_feed::operator=(event_feed&&) noexcept = default;
event_feed::~event_feed() = default;

result<std::size_t> event_feed::next(event_visitor visitor,
                                     std::chrono::steady_clock::time_point deadline) {
  if (deadline > std::chrono::steady_clock::now())
    detail::forbid_within(detail::hold_up_replies, "event_feed::next");
  return feed_->next(visitor, deadline);
}

cairn::position event_feed::position() const noexcept {
  return feed_->position();
}

void event_feed::interrupt() noexcept {
  feed_->interrupt();
}

} // namespace cairn
