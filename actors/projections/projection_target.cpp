#include "projections/projection_target.hpp"

#include <cairn/detail/calls.hpp>
#include <cairn/detail/user_code.hpp>

#include <string>

namespace cairn::detail {

/// Lets the handler write what it makes of the event. Returns the reason if it cannot.
std::optional<error> projection_target::project(row_sink& into, const event_view& event) const {
  const user_code_scope inside{user_code::project};
  try {
    table_writer to{into};
    model_.project(to, event);
    return into.failure();
  } catch (...) {
    return error{errc::handler_failed, "projection " + model_.name + " threw at position "
                                           + to_string(event.position()) + ": "
                                           + describe_current_exception()};
  }
}

std::optional<error> projection_target::apply(const event_view& event) {
  store_->begin_event();
  auto failure = project(store_->rows(), event);
  if (failure)
    store_->roll_back_event();
  return failure;
}

bool projection_target::apply(const event_buffer& events,
                              function_ref<bool(const event_view&)> is_passed_over,
                              const std::atomic<bool>& interrupt) {
  const auto apply_one = [&](row_sink& rows, const event_view& event) {
    return is_passed_over(event) || !project(rows, event);
  };
  return partitions_.fold(events, *store_, apply_one, interrupt);
}

result<void> projection_target::commit(const table_checkpoint& at) {
  auto published = store_->publish(at);
  on_commit_();
  return published;
}

} // namespace cairn::detail
