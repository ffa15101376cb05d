#pragma once

#include <cairn/aggregate.hpp>
#include <cairn/aggregate_reader.hpp>
#include <cairn/detail/calls.hpp>
#include <cairn/detail/host.hpp>
#include <cairn/future.hpp>
#include <cairn/projection.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace cairn {

/// What goes along with a command.
struct ask_options {
  /// Refuse with `version_conflict`, which carries the actual version, unless the aggregate is at
  /// this version.
  expected_version expected = expected_version::any();

  /// Names the command. Repeating a command with the same id is safe: it has its effect once and
  /// gets the same reply (within `aggregate_options::deduplication_window`). Without an id a
  /// command whose outcome is unknown cannot be repeated safely.
  message_id command_id{};

  message_id correlation_id{}; ///< Recorded with the events; see `event_view`.
  message_id causation_id{};   ///< Recorded with the events; see `event_view`.

  /// A command that has not been decided by then fails with `deadline_exceeded`, and nothing is
  /// written. Once it is decided, its reply is waited for: it can no longer be taken back.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();

  /// The reply of an accepted command arrives when its events are in the rows of all of these, or
  /// when the deadline has passed: then, and when one of them has stopped, with `not_visible`,
  /// though the command is accepted and durable.
  std::vector<projection_ref> visible_in = {};
};

namespace detail {

/// For other ways to reach the aggregates of a handle.
struct aggregates_access;

/// `overloaded` if too many wait already for the rows that `options` names.
std::optional<error> objection_to_waiting(const ask_options& options);

/// The same reply, once its events are in the rows that `options` names.
future<reply> reply_when_visible(future<reply> answer, const ask_options& options);

} // namespace detail

/// The aggregates of type `T` in a runtime: commands, and all that `aggregate_reader` has for
/// reading. A handle, cheap to copy, usable from any thread. It may outlive the runtime; then
/// everything fails with `shut_down`.
template <aggregate T>
class aggregates : public aggregate_reader<T> {
public:
  /// From `runtime::host`.
  explicit aggregates(std::shared_ptr<detail::aggregate_host> host) noexcept
    : aggregate_reader<T>{std::move(host)} {}

  /// Sends a command to the aggregate `id`, which need not exist yet.
  ///
  /// Commands and queries of one caller to one aggregate take effect in the order of their sending.
  /// The reply leaves only when every event that it depends on is durable. Errors of the future:
  /// - nothing was written, mend the call: `invalid_argument` (the id, or an event larger than the
  ///   journal's limit), `version_conflict` (carries the actual version), `decide_failed`,
  ///   `evolve_failed`;
  /// - nothing was written, try again: `overloaded`, `deadline_exceeded`, `aborted`,
  ///   `storage_full`, `shut_down`;
  /// - `not_owner`: nothing was written, another process owns the aggregate now: send it there;
  /// - `outcome_unknown`: send it again with the same command id, once the journal has been
  ///   reopened;
  /// - `not_visible`: accepted and durable; see `ask_options::visible_in`;
  /// - the aggregate could not be rebuilt, or the event of a repeated command was not found:
  ///   `corrupt_record`, `corrupt_journal`, `evolve_failed` (each with the event's position),
  ///   `io_failed`, `journal_stopped`.
  template <alternative_of<typename T::command> Command>
  future<reply> ask(std::string_view id, Command&& command, const ask_options& options = {}) const {
    using call_type = detail::command_call<T, std::remove_cvref_t<Command>>;
    if (!options.visible_in.empty())
      if (auto refused = detail::objection_to_waiting(options))
        return future<reply>::settled(*std::move(refused));
    auto [queued, answer] = detail::make_call<call_type, reply>(
        std::forward<Command>(command), options.correlation_id, options.causation_id);
    queued->command_id = options.command_id;
    queued->expected = options.expected;
    queued->deadline = options.deadline;
    this->host()->post(id, std::move(queued));
    if (!options.visible_in.empty())
      return detail::reply_when_visible(std::move(answer), options);
    return std::move(answer);
  }

  /// The same for a command whose kind is known only at run time.
  future<reply> ask(std::string_view id, typename T::command command,
                    const ask_options& options = {}) const {
    return std::visit([&](auto& kind) { return ask(id, std::move(kind), options); }, command);
  }

private:
  friend struct detail::aggregates_access;
};

} // namespace cairn
