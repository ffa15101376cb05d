#pragma once

#include "runtime/caf_generation.hpp"

#include <cairn/result.hpp>

#include <caf/actor.hpp>
#include <caf/actor_config.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/actor_system.hpp>
#include <caf/config.hpp>
#include <caf/error.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/make_actor.hpp>
#include <caf/message.hpp>

#if CAF_MAJOR_VERSION >= 1
#include <caf/abstract_actor.hpp>
#else
#include <caf/monitorable_actor.hpp>
#endif

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace cairn::detail {

/// Where the answer to one message goes.
class caf_sender {
public:
  explicit caf_sender(caf::mailbox_element& asked)
    : sender_{asked.sender}, id_{asked.mid}
#if CAF_MAJOR_VERSION < 1
      ,
      stages_{asked.stages}
#endif
  {
  }

  /// Whether an answer is waited for; else `answer` and `refuse` do nothing.
  bool waits() const noexcept {
    return sender_ && id_.is_request();
  }

  /// Answers, once. Any thread.
  void answer(caf::message content);
  /// The same with an error, which skips what CAF 0.17 composes (`f * g`).
  void refuse(caf::error why);

private:
  caf::strong_actor_ptr sender_;
  caf::message_id id_;
#if CAF_MAJOR_VERSION < 1
  caf::mailbox_element::forwarding_stack stages_;
#endif
};

class caf_proxies;

/// An actor without a mailbox: each message is handled in the thread that sends it. It can be
/// monitored and linked to as every actor, is counted by its system, and lives until an exit
/// message with a reason, until its last handle is dropped, or until its runtime closes.
#if CAF_MAJOR_VERSION >= 1
class caf_proxy : public caf::abstract_actor {
#else
class caf_proxy : public caf::monitorable_actor {
#endif
public:
  caf_proxy(caf::actor_config& config, std::shared_ptr<caf_proxies> all);
  ~caf_proxy() override;

#if CAF_MAJOR_VERSION >= 1
  void setup_metrics() {}
  bool enqueue(caf::mailbox_element_ptr what, caf_adapter::execution_context* context) override;
#else
  using caf::monitorable_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr what, caf_adapter::execution_context* context) override;
  void on_destroy() override;
#endif

  /// Tells those that watch it; later requests are answered with `sec::request_receiver_down`. Does
  /// nothing the second time. Any thread.
  void end(caf::error reason);
  bool ended() const noexcept {
    return ended_.load();
  }

protected:
  /// Any thread, several at a time.
  virtual void receive(caf::mailbox_element& what) = 0;
  /// It has ended.
  virtual void on_end() noexcept {}

private:
  void take(caf::mailbox_element& what);
#if CAF_MAJOR_VERSION >= 1
  void on_unreachable() override;
  void force_close_mailbox() override {}
#endif

  const std::shared_ptr<caf_proxies> all_;
  std::atomic<bool> ended_{false};
};

/// The proxies of one runtime in an application's actor system.
class caf_proxies : public std::enable_shared_from_this<caf_proxies> {
public:
  explicit caf_proxies(caf::actor_system& system) noexcept : system_{system} {}

  /// Spawns a proxy. Errors: `shut_down`.
  template <class Proxy, class... Args>
  result<caf::actor> spawn(Args&&... args);

  /// Ends all of them, and refuses new ones.
  void end_all() noexcept;
  void forget(const caf_proxy& ended) noexcept;

private:
  result<caf::actor> admit(const std::function<caf::actor()>& make);

  caf::actor_system& system_;
  std::mutex mutex_;
  std::unordered_map<const caf_proxy*, caf::weak_actor_ptr> alive_;
  bool ended_ = false;
};

template <class Proxy, class... Args>
result<caf::actor> caf_proxies::spawn(Args&&... args) {
  return admit([&] {
    caf::actor_config config;
    return caf::make_actor<Proxy, caf::actor>(system_.next_actor_id(), system_.node(), &system_,
                                              config, shared_from_this(),
                                              std::forward<Args>(args)...);
  });
}

} // namespace cairn::detail
