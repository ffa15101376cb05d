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

/// Options of a command.
struct ask_options {
  /// If the aggregate is not at this version, the command fails with `version_conflict`, which
  /// carries the actual version.
  expected_version expected = expected_version::any();

  /// Identifies the command. If it is sent again with the same id, it has its effect once and gets
  /// the same reply, within `aggregate_options::deduplication_window`. A command without an id
  /// cannot safely be sent again if its outcome is unknown.
  message_id command_id{};

  message_id correlation_id{}; ///< Recorded with the events; see `event_view`.
  message_id causation_id{};   ///< Recorded with the events; see `event_view`.

  /// If the command has not been decided by then, it fails with `deadline_exceeded`, and nothing is
  /// written. A command that has been decided can no longer be withdrawn: its reply takes as long
  /// as its commit takes.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();

  /// The reply to an accepted command waits until its events are in the rows of all these
  /// projections. If the deadline passes first, or one of them has stopped, the future fails with
  /// `not_visible`: the command is accepted and durable all the same.
  std::vector<projection_ref> visible_in = {};
};

namespace detail {

/// Gives other front ends, such as `<cairn/caf.hpp>`, the host behind a handle.
struct aggregates_access;

/// `invalid_argument`: a command with more levels than an event may have.
error command_too_deep();

/// Returns `overloaded` if too many callers wait already for the rows that `options` names.
std::optional<error> objection_to_waiting(const ask_options& options);

/// The same reply, once its events are in the rows that `options` names.
future<reply> reply_when_visible(future<reply> answer, const ask_options& options);

} // namespace detail

/// The aggregates of type `T` in a runtime: commands, and all that `aggregate_reader` has for
/// reading. A handle: cheap to copy, safe from any thread. It may outlive the runtime; then every
/// call fails with `shut_down`.
template <aggregate T>
class aggregates : public aggregate_reader<T> {
public:
  /// From `runtime::host`.
  explicit aggregates(std::shared_ptr<detail::aggregate_host> host) noexcept
    : aggregate_reader<T>{std::move(host)} {}

  /// Sends a command to the aggregate `id`, which need not exist yet.
  ///
  /// It never waits, and may be called anywhere, within decide, a handler or a continuation, too.
  /// Commands and queries of one caller to one aggregate take effect in the order in which they
  /// were sent. The reply leaves only when every event that it depends on is durable. Errors of the
  /// future:
  /// - nothing was written, correct the call: `invalid_argument` (the id; a command that is larger
  ///   than `runtime_options::max_outstanding_bytes`; an event larger than the journal's limit; a
  ///   command or an event with more than `max_nesting` levels), `version_conflict` (carries the
  ///   actual version), `decide_failed` (decide, tags or the application's clock threw),
  ///   `evolve_failed`;
  /// - nothing was written, try again: `overloaded`, `deadline_exceeded`, `aborted`,
  ///   `storage_full`, `shut_down`;
  /// - nothing was written, another process owns the aggregate now, send it there: `not_owner`;
  /// - it may have been written, send it again with the same command id once the journal has been
  ///   reopened: `outcome_unknown`;
  /// - `not_visible`: accepted and durable; see `ask_options::visible_in`;
  /// - the aggregate could not be rebuilt, or the event of a repeated command was not found:
  ///   `corrupt_record`, `corrupt_journal`, `evolve_failed` (each with the event's position),
  ///   `io_failed`, `journal_stopped`.
  template <alternative_of<typename T::command> Command>
  future<reply> ask(std::string_view id, Command&& command, const ask_options& options = {}) const {
    using call_type = detail::command_call<T, std::remove_cvref_t<Command>>;
    if (!detail::value_nests_within(command, max_nesting))
      return future<reply>::settled(detail::command_too_deep());
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

  /// The same for a command whose type is known only at run time.
  future<reply> ask(std::string_view id, typename T::command command,
                    const ask_options& options = {}) const {
    return std::visit([&](auto& kind) { return ask(id, std::move(kind), options); }, command);
  }

private:
  friend struct detail::aggregates_access;
};

} // namespace cairn
