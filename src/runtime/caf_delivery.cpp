#include "runtime/caf_delivery.hpp"

#include "support/start_thread.hpp"

#include <caf/actor_cast.hpp>
#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>

#include <algorithm>
#include <utility>

namespace cairn::detail {
namespace {

/// The sender of the batches.
class delivery_proxy final : public caf_proxy {
public:
  delivery_proxy(caf::actor_config& config, std::shared_ptr<caf_proxies> all,
                 std::weak_ptr<caf_delivery> owner)
    : caf_proxy{config, std::move(all)}, owner_{std::move(owner)} {}

  const char* name() const override { return "cairn.subscription"; }

private:
  void receive(caf::mailbox_element& what) override {
    if (!what.mid.is_response())
      return caf_sender{what}.refuse(caf::make_error(caf::sec::unexpected_message));
    const auto owner = owner_.lock();
    if (!owner)
      return;
    if (what.content().match_elements<caf::error>())
      owner->fail({errc::handler_failed, "the actor answered a batch of events with an error: "
                                             + to_string(what.content().get_as<caf::error>(0))});
    else
      owner->acknowledge(what.mid.request_id().integer_value());
  }

  void on_end() noexcept override {
    if (const auto owner = owner_.lock())
      owner->close();
  }

  const std::weak_ptr<caf_delivery> owner_;
};

/// CAF's number of a request: not 0.
caf::message_id request_number(std::uint64_t number) {
  return caf::message_id{caf::message_id{}.integer_value() + number};
}

} // namespace

caf_delivery::caf_delivery(event_feed feed, caf::actor to, std::size_t max_unacknowledged)
  : feed_{std::move(feed)}, to_{std::move(to)},
    max_unacknowledged_{max_unacknowledged}, position_{feed_.position()} {}

caf_delivery::~caf_delivery() {
  close();
}

result<std::shared_ptr<caf_delivery>> caf_delivery::start(event_feed feed, caf::actor to,
                                                          std::size_t max_unacknowledged,
                                                          caf_proxies& proxies) {
  std::shared_ptr<caf_delivery> made{
      new caf_delivery{std::move(feed), std::move(to), max_unacknowledged}};
  const std::weak_ptr<caf_delivery> weak = made;
  auto proxy = proxies.spawn<delivery_proxy>(weak);
  if (!proxy)
    return std::move(proxy).error();
  made->proxy_ = *std::move(proxy);
  const std::lock_guard starting{made->joining_};
  auto thread = start_thread("cairn-to-actor", [on = made.get()] { on->run(); });
  if (!thread)
    return std::move(thread).error();
  made->thread_ = *std::move(thread);
  made->to_->attach_functor([weak](const caf::error& reason) {
    if (const auto owner = weak.lock())
      owner->fail(
          {errc::handler_failed, "the actor that events went to has ended: " + to_string(reason)});
  });
  return made;
}

void caf_delivery::run() {
  while (may_send()) {
    auto events = std::make_shared<event_buffer>();
    auto read = feed_.next([&](const event_view& event) {
      events->add(event);
      return visit_result::proceed;
    });
    if (!read) {
      if (read.error().code() != errc::shut_down)
        fail(std::move(read).error());
      break;
    }
    if (*read > 0)
      send(caf_events{std::move(events), feed_.position()});
  }
  const std::lock_guard lock{mutex_};
  over_ = true;
  changed_.notify_all();
}

/// Waits until another batch may be under way; false: it is over.
bool caf_delivery::may_send() {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [&] { return stopping_ || sent_.size() < max_unacknowledged_; });
  return !stopping_;
}

void caf_delivery::send(caf_events events) {
  caf::message_id id;
  {
    const std::lock_guard lock{mutex_};
    if (stopping_)
      return;
    id = request_number(++last_number_);
    sent_.push_back({id.request_id().integer_value(), events.position()});
  }
  auto sender = caf::actor_cast<caf::strong_actor_ptr>(proxy_);
  auto* const to = caf::actor_cast<caf::abstract_actor*>(to_);
#if CAF_MAJOR_VERSION >= 1
  to->enqueue(caf::make_mailbox_element(std::move(sender), id, std::move(events)), nullptr);
#else
  to->enqueue(caf::make_mailbox_element(std::move(sender), id, {}, std::move(events)), nullptr);
#endif
}

void caf_delivery::acknowledge(std::uint64_t number) noexcept {
  const std::lock_guard lock{mutex_};
  const auto found = std::find_if(sent_.begin(), sent_.end(),
                                  [&](const batch& each) { return each.number == number; });
  if (found != sent_.end())
    found->acknowledged = true;
  while (!sent_.empty() && sent_.front().acknowledged) {
    position_ = sent_.front().position;
    sent_.pop_front();
  }
  changed_.notify_all();
}

void caf_delivery::fail(error why) noexcept {
  {
    const std::lock_guard lock{mutex_};
    if (stopping_)
      return;
    failure_ = std::move(why);
  }
  stop_sending();
}

void caf_delivery::stop_sending() noexcept {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    changed_.notify_all();
  }
  feed_.interrupt();
}

void caf_delivery::close() noexcept {
  stop_sending();
  {
    const std::lock_guard one_at_a_time{joining_};
    if (thread_.joinable()) {
      if (thread_.get_id() == std::this_thread::get_id())
        return; // an actor without a mailbox runs in it, and lets go
      thread_.join();
    }
  }
  if (proxy_)
    static_cast<caf_proxy*>(caf::actor_cast<caf::abstract_actor*>(proxy_))
        ->end(caf::make_error(caf::exit_reason::normal));
}

bool caf_delivery::active() const noexcept {
  const std::lock_guard lock{mutex_};
  return !stopping_ && !over_;
}

cairn::position caf_delivery::position() const noexcept {
  const std::lock_guard lock{mutex_};
  return position_;
}

result<void> caf_delivery::wait() const {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [&] { return over_; });
  return failure_ ? result<void>{*failure_} : result<void>{};
}

} // namespace cairn::detail
