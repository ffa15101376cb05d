#include <cairn/caf.hpp>

#include "aggregates/type_host.hpp"
#include "runtime/caf_delivery.hpp"
#include "runtime/caf_executor.hpp"
#include "runtime/caf_proxy.hpp"
#include "runtime/runtime_access.hpp"
#include "support/option_range.hpp"

#include <cairn/detail/user_code.hpp>

#include <caf/message.hpp>
#include <caf/sec.hpp>

#include <utility>

#if CAF_MAJOR_VERSION >= 1
#include <caf/init_global_meta_objects.hpp>
#else
#include <caf/atom.hpp>
#endif

namespace cairn {
namespace detail {
namespace {

/// What `actor_of` gives: turns a message into a request of the runtime, and the outcome into the
/// answer.
class aggregate_handle final : public caf_proxy {
public:
  aggregate_handle(caf::actor_config& config, std::shared_ptr<caf_proxies> all, caf_ask ask)
    : caf_proxy{config, std::move(all)}, ask_{std::move(ask)} {}

  const char* name() const override { return "cairn.aggregate"; }

private:
  void receive(caf::mailbox_element& what) override {
    caf_sender sender{what};
    auto asked = what.content().match_elements<caf_command>()
                     ? ask_(what.content().get_as<caf_command>(0))
                     : std::nullopt;
    if (!asked)
      return sender.refuse(caf::make_error(caf::sec::unexpected_message));
    std::move(*asked).then([sender](result<reply>&& outcome) mutable {
      if (outcome)
        sender.answer(caf::make_message(caf_reply{*std::move(outcome)}));
      else
        sender.refuse(caf_error_of(outcome.error()));
    });
  }

  const caf_ask ask_;
};

/// Errors: `invalid_argument` if it is not one on the application's actor system, `shut_down`.
result<std::shared_ptr<application_executor>> in_application(std::shared_ptr<executor> on) {
  if (!on)
    return error{errc::shut_down, "the runtime is closed"};
  auto in_system = std::dynamic_pointer_cast<application_executor>(std::move(on));
  if (!in_system)
    return error{errc::invalid_argument, "the runtime was not opened by cairn::open_in: it has no "
                                         "actor system of the application's"};
  return in_system;
}

} // namespace

result<caf::actor> spawn_handle(aggregate_host& host, std::string_view id, caf_ask ask) {
  if (auto valid = stream_id::make(host.model().type_name, id); !valid)
    return std::move(valid).error();
  const auto on = in_application(dynamic_cast<type_host&>(host).owner().runs_on());
  if (!on)
    return on.error();
  return (*on)->proxies().spawn<aggregate_handle>(std::move(ask));
}

} // namespace detail

result<runtime> open_in(caf::actor_system& system, runtime_options options) {
  return runtime_access::open(std::move(options),
                              std::make_shared<detail::application_executor>(system));
}

void register_caf_types() {
#if CAF_MAJOR_VERSION >= 1
  caf::core::init_global_meta_objects();
  caf::init_global_meta_objects<caf::id_block::cairn>();
#endif
}

caf::error caf_error_of(const error& failure) {
  auto context =
      caf::make_message(failure.message(), failure.version().number(), failure.position().bits());
#if CAF_MAJOR_VERSION >= 1
  return {failure.code(), std::move(context)};
#else
  return {static_cast<std::uint8_t>(failure.code()), caf::atom("cairn"), std::move(context)};
#endif
}

std::optional<error> error_of(const caf::error& problem) {
#if CAF_MAJOR_VERSION >= 1
  const bool ours = problem && problem.category() == caf::type_id_v<errc>;
#else
  const bool ours = problem && problem.category() == caf::atom("cairn");
#endif
  if (!ours)
    return std::nullopt;
  const auto code = static_cast<errc>(problem.code());
  const auto& context = problem.context();
  if (!context.match_elements<std::string, std::uint64_t, std::uint64_t>())
    return error{code, {}};
  return error{code, context.get_as<std::string>(0)}
      .with_version(cairn::version{context.get_as<std::uint64_t>(1)})
      .with_position(cairn::position::from_bits(context.get_as<std::uint64_t>(2)));
}

#if CAF_MAJOR_VERSION >= 1

bool from_string(std::string_view name, errc& code) noexcept {
  for (int number = 1; number < 256; ++number) {
    const auto known = static_cast<errc>(number);
    if (to_string(known) == name)
      return code = known, true;
  }
  return false;
}

#endif

result<caf_subscription> subscribe_actor(runtime& of, const event_selection& selection,
                                         caf::actor to, const caf_delivery_options& options) {
  const auto on = detail::in_application(runtime_access::executor_of(of));
  if (!on)
    return on.error();
  if (!to)
    return error{errc::invalid_argument, "events go to an actor, and there is none"};
  constexpr std::size_t most_unacknowledged = 65'536;
  if (auto checked =
          detail::option_ranges{"caf_delivery_options"}
              .check("max_unacknowledged", options.max_unacknowledged, 1, most_unacknowledged)
              .outcome();
      !checked)
    return std::move(checked).error();
  auto feed = of.follow(selection, options.events);
  if (!feed)
    return std::move(feed).error();
  auto started = detail::caf_delivery::start(*std::move(feed), std::move(to),
                                             options.max_unacknowledged, (*on)->proxies());
  if (!started)
    return std::move(started).error();
  return caf_subscription{*std::move(started)};
}

caf_subscription::caf_subscription(std::shared_ptr<detail::caf_delivery> made) noexcept
  : delivery_{std::move(made)} {}
caf_subscription::caf_subscription(caf_subscription&&) noexcept = default;

caf_subscription& caf_subscription::operator=(caf_subscription&& other) noexcept {
  if (this != &other) {
    close();
    delivery_ = std::move(other.delivery_);
  }
  return *this;
}

caf_subscription::~caf_subscription() {
  close();
}

void caf_subscription::close() noexcept {
  if (delivery_)
    delivery_->close();
}

bool caf_subscription::active() const noexcept {
  return delivery_ && delivery_->active();
}

cairn::position caf_subscription::position() const noexcept {
  return delivery_ ? delivery_->position() : cairn::position{};
}

result<void> caf_subscription::wait() const {
  detail::forbid_within(detail::hold_up_the_end, "caf_subscription::wait");
  return delivery_ ? delivery_->wait() : result<void>{};
}

} // namespace cairn
