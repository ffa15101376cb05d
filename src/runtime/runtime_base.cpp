#include <cairn/runtime_base.hpp>

#include "core/runtime_core.hpp"

#include <cairn/detail/user_code.hpp>

#include <utility>

namespace cairn {

runtime_base::runtime_base(std::unique_ptr<detail::runtime_core> core) noexcept
  : core_{std::move(core)} {}
runtime_base::runtime_base(runtime_base&&) noexcept = default;

runtime_base& runtime_base::operator=(runtime_base&& other) noexcept {
  if (this != &other) {
    (void)close();
    core_ = std::move(other.core_);
  }
  return *this;
}

runtime_base::~runtime_base() {
  (void)close();
}

result<std::shared_ptr<detail::aggregate_host>>
runtime_base::host(std::unique_ptr<detail::aggregate_model> model) {
  return core_->host(std::move(model));
}

result<subscription> runtime_base::subscribe(const event_selection& selection,
                                             std::function<void(const event_view&)> handler,
                                             const subscription_options& options) {
  return core_->subscriptions().subscribe(selection, options, std::move(handler));
}

result<durable_subscription>
runtime_base::subscribe_durably(std::string name, const event_selection& selection,
                                durable_handler handler,
                                const durable_subscription_options& options) {
  return core_->durable_subscriptions().subscribe(std::move(name), selection, std::move(handler),
                                                  options);
}

result<event_feed> runtime_base::follow(const event_selection& selection,
                                        const subscription_options& options) {
  return core_->subscriptions().follow(selection, options);
}

result<std::shared_ptr<detail::projection_host>>
runtime_base::project(std::unique_ptr<detail::projection_model> model, projection_options options) {
  detail::forbid_within(detail::hold_up_projections, "runtime::project");
  return core_->project(std::move(model), std::move(options));
}

const journal& runtime_base::journal() const noexcept {
  return core_->journal();
}

result<void> runtime_base::close() {
  if (!core_)
    return {};
  detail::forbid_within(detail::hold_up_the_end, "runtime::close");
  return core_->close();
}

} // namespace cairn
