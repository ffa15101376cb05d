#include "runtime/caf_proxy.hpp"

#include "runtime/caf_adapter.hpp"

#include <caf/actor_cast.hpp>
#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>
#include <caf/system_messages.hpp>

namespace cairn::detail {

void caf_sender::answer(caf::message content) {
  if (!waits())
    return;
#if CAF_MAJOR_VERSION >= 1
  sender_->enqueue(caf::make_mailbox_element(nullptr, id_.response_id(), std::move(content)),
                   nullptr);
#else
  if (stages_.empty()) {
    sender_->enqueue(nullptr, id_.response_id(), std::move(content), nullptr);
    return;
  }
  const auto next = stages_.back();
  stages_.pop_back();
  next->enqueue(caf::make_mailbox_element(sender_, id_, std::move(stages_), std::move(content)),
                nullptr);
#endif
}

void caf_sender::refuse(caf::error why) {
  if (!waits())
    return;
#if CAF_MAJOR_VERSION >= 1
  answer(caf::make_message(std::move(why)));
#else
  sender_->enqueue(nullptr, id_.response_id(), caf::make_message(std::move(why)), nullptr);
#endif
}

caf_proxy::caf_proxy(caf::actor_config& config, std::shared_ptr<caf_proxies> all)
#if CAF_MAJOR_VERSION >= 1
  : abstract_actor{config},
#else
  : monitorable_actor{config},
#endif
    all_{std::move(all)} {
}

caf_proxy::~caf_proxy() = default;

void caf_proxy::take(caf::mailbox_element& what) {
  if (what.content().match_elements<caf::exit_msg>()) {
    // As every actor that does not trap exits: a normal end of another one is none of this one.
    auto reason = what.content().get_as<caf::exit_msg>(0).reason;
    if (reason)
      end(std::move(reason));
  } else if (ended()) {
    caf_sender{what}.refuse(caf::make_error(caf::sec::request_receiver_down));
  } else {
    receive(what);
  }
}

void caf_proxy::end(caf::error reason) {
  if (ended_.exchange(true))
    return;
  all_->forget(*this);
  cleanup(std::move(reason), nullptr);
  unregister_from_system();
  on_end();
}

#if CAF_MAJOR_VERSION >= 1

bool caf_proxy::enqueue(caf::mailbox_element_ptr what, caf_adapter::execution_context*) {
  take(*what);
  return !ended();
}

void caf_proxy::on_unreachable() {
  end(caf::make_error(caf::exit_reason::unreachable));
}

#else

void caf_proxy::enqueue(caf::mailbox_element_ptr what, caf_adapter::execution_context*) {
  take(*what);
}

void caf_proxy::on_destroy() {
  end(caf::make_error(caf::exit_reason::unreachable));
  monitorable_actor::on_destroy();
}

#endif

result<caf::actor> caf_proxies::admit(const std::function<caf::actor()>& make) {
  const std::lock_guard lock{mutex_};
  if (ended_)
    return error{errc::shut_down, "the runtime is closed"};
  auto made = caf_adapter::spawn_by(system_, make);
  auto* const proxy = static_cast<caf_proxy*>(caf::actor_cast<caf::abstract_actor*>(made));
  proxy->register_at_system();
  alive_.emplace(proxy, caf::actor_cast<caf::weak_actor_ptr>(made));
  return made;
}

void caf_proxies::end_all() noexcept {
  decltype(alive_) ending;
  {
    const std::lock_guard lock{mutex_};
    ended_ = true;
    ending.swap(alive_);
  }
  for (const auto& [proxy, weak] : ending)
    if (const auto kept = weak.lock()) // null: its last handle is just being dropped
      const_cast<caf_proxy*>(proxy)->end(caf::make_error(caf::exit_reason::user_shutdown));
}

void caf_proxies::forget(const caf_proxy& ended) noexcept {
  const std::lock_guard lock{mutex_};
  alive_.erase(&ended);
}

} // namespace cairn::detail
