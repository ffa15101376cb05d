#include <cairn/detail/user_code.hpp>

#include <cstdio>
#include <cstdlib>

namespace cairn::detail {
namespace {

const char* text_of(user_code place) noexcept {
  switch (place) {
    case user_code::decide: return "decide";
    case user_code::evolve: return "evolve";
    case user_code::tags: return "tags";
    case user_code::query: return "a query function";
    case user_code::wants_snapshot: return "wants_snapshot";
    case user_code::state:
      return "the copy or destructor of a state, or of what a command or query holds";
    case user_code::project: return "the handler of a projection";
    case user_code::continuation: return "a continuation";
    case user_code::handler: return "the handler of a subscription";
    case user_code::durable_handler: return "the handler of a durable subscription";
    case user_code::clock: return "the application's clock";
    case user_code::log_sink: return "the log sink";
  }
  return "an unknown place";
}

} // namespace

void stop_forbidden_call(const char* call, user_code place) noexcept {
  std::fprintf(stderr, "cairn: %s was called within %s, where it could wait for ever\n", call,
               text_of(place));
  std::abort();
}

void stop_use_of_taken_outcome(const char* call) noexcept {
  std::fprintf(stderr, "cairn: %s was called on a future whose outcome was taken before\n", call);
  std::abort();
}

} // namespace cairn::detail
