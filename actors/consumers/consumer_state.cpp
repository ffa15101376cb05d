#include <cairn/consumer_state.hpp>

namespace cairn {

std::string_view to_string(consumer_state state) noexcept {
  switch (state) {
    case consumer_state::catching_up: return "catching_up";
    case consumer_state::following: return "following";
    case consumer_state::paused: return "paused";
    case consumer_state::stopped: return "stopped";
    case consumer_state::waiting: return "waiting";
    case consumer_state::closed: return "closed";
  }
  return "unknown";
}

} // namespace cairn
