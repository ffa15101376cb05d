#pragma once

#include <cairn/detail/model.hpp>
#include <cairn/detail/request.hpp>
#include <cairn/subscription.hpp>

#include <functional>
#include <string_view>

namespace cairn::detail {

/// The aggregates of one type in one runtime, as the typed handles see them. All functions from any
/// thread, also after the runtime is closed: then requests fail with `shut_down`.
class aggregate_host {
public:
  virtual ~aggregate_host() = default;

  /// Sends `work` to the aggregate with this id, activating it if need be. The answer comes through
  /// `work` in every case, at once if the request is refused at the edge.
  virtual void post(std::string_view id, request_ptr work) = 0;

  virtual const aggregate_model& model() const noexcept = 0;

  /// Replays the durable events of one aggregate; see `journal::replay`.
  virtual result<cairn::version> replay(std::string_view id, cairn::version from_version,
                                        cairn::version to_version, event_visitor visitor) const = 0;

  /// `runtime::subscribe`.
  virtual result<subscription> subscribe(const event_selection& selection,
                                         const subscription_options& options,
                                         std::function<void(const event_view&)> handler) const = 0;
};

} // namespace cairn::detail
