#pragma once

#include <cairn/aggregate.hpp>
#include <cairn/detail/calls.hpp>
#include <cairn/detail/event_handler.hpp>
#include <cairn/detail/host.hpp>
#include <cairn/event_info.hpp>
#include <cairn/future.hpp>
#include <cairn/projection.hpp>
#include <cairn/subscription.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
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

/// What goes along with a query.
struct query_options {
  /// A query that has not been evaluated by then fails with `deadline_exceeded`.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
};

/// The aggregates of type `T` in a runtime: a handle, cheap to copy, usable from any thread. It may
/// outlive the runtime; then everything fails with `shut_down`.
template <aggregate T>
class aggregates {
public:
  using state = typename T::state;

  /// From `runtime::host`.
  explicit aggregates(std::shared_ptr<detail::aggregate_host> host) noexcept
    : host_{std::move(host)} {}

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
    host_->post(id, std::move(queued));
    if (!options.visible_in.empty())
      return detail::reply_when_visible(std::move(answer), options);
    return std::move(answer);
  }

  /// The same for a command whose kind is known only at run time.
  future<reply> ask(std::string_view id, typename T::command command,
                    const ask_options& options = {}) const {
    return std::visit([&](auto& kind) { return ask(id, std::move(kind), options); }, command);
  }

  /// Evaluates `function(state)`, or `function(state, version)`, in the aggregate, between
  /// commands, and brings what it returns, which must be a value. It sees every command sent before
  /// it, and its result leaves only when every event that it saw is durable. An aggregate without
  /// events answers with the empty state. Errors of the future: as for `ask`; `decide_failed` if
  /// the function throws.
  template <class Function>
  auto query(std::string_view id, Function function, const query_options& options = {}) const
      -> future<typename detail::query_result<T, Function>::type> {
    using value = typename detail::query_result<T, Function>::type;
    auto [queued, answer] =
        detail::make_call<detail::query_call<T, Function>, value>(std::move(function));
    queued->deadline = options.deadline;
    host_->post(id, std::move(queued));
    return std::move(answer);
  }

  /// Calls `visitor(const event_info&, const T::event&)` for the durable events of `id` with
  /// versions from `from_version` (at least 1) up to `to_version`, in order, straight from the
  /// journal. An older event is visited as what its upcaster makes of it, maybe more or less than
  /// once. Returns the version of the last event visited, or `from_version - 1` if there was
  /// none. What `visitor` throws passes through. Errors: those of `journal::replay`,
  /// `invalid_argument` (the id), `overloaded` (the runtime is at its bound of requests),
  /// `evolve_failed` (an event of a type that `T` does not list, or whose upcaster threw).
  template <class Visitor>
  result<std::uint64_t> history(std::string_view id, Visitor visitor,
                                std::uint64_t from_version = 1,
                                std::uint64_t to_version = max_version) const {
    return host_->replay(id, from_version, to_version, [&](const event_view& event) {
      const auto info = detail::info_of(event);
      detail::for_each_event<T>(
          event, [&](const typename T::event& happened) { visitor(info, happened); });
      return visit::go_on;
    });
  }

  /// The state that `id` had after its event number `version`, folded from the journal.
  /// Errors: those of `history`; `evolve_failed` if evolve throws; `not_found` if the aggregate has
  /// never been at that version.
  result<state> state_at(std::string_view id, std::uint64_t version) const {
    auto past = fold(id, version, [](const event_view&) { return true; });
    if (!past)
      return std::move(past).error();
    if (past->version != version) {
      return error{errc::not_found, "the aggregate has " + std::to_string(past->version)
                                        + " events, none with version " + std::to_string(version)}
          .with_version(past->version);
    }
    return std::move(past->value);
  }

  /// A state of the past, and the version that it had; 0: there was no event yet.
  struct past_state {
    state value;
    std::uint64_t version = 0;
  };

  /// The state that `id` had at a time: that of its last event in front of the first one that was
  /// recorded after `when`, by the clock of the machine that wrote. Errors: those of `history`;
  /// `evolve_failed` if evolve throws.
  result<past_state> state_as_of(std::string_view id,
                                 std::chrono::sys_time<std::chrono::nanoseconds> when) const {
    return fold(id, max_version,
                [&](const event_view& event) { return event.recorded_at() <= when; });
  }

  /// Calls `handler` for the durable events of all aggregates of the type, those there are and
  /// those to come, in the order of positions, on a thread of the subscription's own.
  ///
  /// `handler(const event_info&, event)`, where `event` is any of the structs in `T::event`, as a
  /// value or as its Cap'n Proto `Reader` (the value where it takes both), or a `const T::event&`
  /// for all of them. Events that it has no overload for are passed over; `overloaded` makes one
  /// handler of several functions. Errors: those of `runtime::subscribe`.
  template <detail::event_handler_of<T> Handler>
  result<subscription> subscribe(Handler handler, const subscription_options& options = {}) const {
    return host_->subscribe(event_selection::of_type(std::string{T::type_name}), options,
                            detail::typed_handler<T, Handler>{std::move(handler)});
  }

  /// The same for the events of one aggregate. Errors: also `invalid_argument` (the id).
  template <detail::event_handler_of<T> Handler>
  result<subscription> subscribe(std::string_view id, Handler handler,
                                 const subscription_options& options = {}) const {
    auto stream = stream_id::make(T::type_name, id);
    if (!stream)
      return std::move(stream).error();
    return host_->subscribe(event_selection::of_stream(*std::move(stream)), options,
                            detail::typed_handler<T, Handler>{std::move(handler)});
  }

  static constexpr std::uint64_t max_version = std::numeric_limits<std::uint64_t>::max();

private:
  friend struct detail::aggregates_access;

  /// Folds the events up to `version`, as long as they are `wanted`.
  template <class Wanted>
  result<past_state> fold(std::string_view id, std::uint64_t version, Wanted wanted) const {
    detail::typed_state<T> past;
    std::uint64_t at = 0;
    std::optional<error> failure;
    const auto reached = host_->replay(id, 1, version, [&](const event_view& event) {
      if (!wanted(event))
        return visit::stop;
      failure = detail::try_evolve(past, event);
      at = event.version();
      return failure ? visit::stop : visit::go_on;
    });
    if (failure)
      return *std::move(failure);
    if (!reached)
      return reached.error();
    return past_state{std::move(past.value), at};
  }

  std::shared_ptr<detail::aggregate_host> host_;
};

} // namespace cairn
