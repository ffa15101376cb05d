#pragma once

#include <cairn/subscription.hpp>

#include <functional>

namespace cairn::detail {

/// What the hosts of aggregates call to subscribe to events: `runtime::subscribe`. It may be called
/// by any thread for as long as there is a host, also after the runtime is closed.
using subscribe_function = std::function<result<subscription>(
    const event_selection&, const subscription_options&, std::function<void(const event_view&)>)>;

} // namespace cairn::detail
