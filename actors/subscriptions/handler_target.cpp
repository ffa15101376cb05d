#include "subscriptions/handler_target.hpp"

#include "models/describe.hpp"

#include <cairn/detail/user_code.hpp>

#include <kj/exception.h>

#include <string>
#include <utility>

namespace cairn::detail {
namespace {

error handler_failure(const event_view& event, const std::string& what) {
  return error{errc::handler_failed, "the handler failed at the event at position "
                                         + to_string(event.position()) + ": " + what};
}

} // namespace

std::optional<error> handler_target::apply(const event_view& event) {
  const user_code_scope inside{user_code::durable_handler};
  try {
    if (const auto handled = handle_(event); !handled)
      return handler_failure(event, handled.error().message());
    return std::nullopt;
  } catch (const kj::Exception&) {
    throw; // becomes `corrupt_record` on its way
  } catch (const unknown_event_type& unknown) {
    return describe(unknown, event.stream(), event.position());
  } catch (const upcast_failure& failure) {
    return describe(failure, event.stream(), event.position());
  } catch (...) {
    return handler_failure(event, describe_current_exception());
  }
}

result<void> handler_target::commit(const table_checkpoint& at) {
  auto published = store_->publish(at);
  on_commit_();
  return published;
}

} // namespace cairn::detail
