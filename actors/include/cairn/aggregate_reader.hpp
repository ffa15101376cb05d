#pragma once

#include <cairn/aggregate.hpp>
#include <cairn/detail/calls.hpp>
#include <cairn/detail/event_handler.hpp>
#include <cairn/detail/host.hpp>
#include <cairn/detail/user_code.hpp>
#include <cairn/event_info.hpp>
#include <cairn/future.hpp>
#include <cairn/subscription.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace cairn {

/// Options of a query.
struct query_options {
  /// If the query has not been evaluated by then, it fails with `deadline_exceeded`.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
};

/// The aggregates of type `T`, for reading: their states, now and in the past, and their events. A
/// `reading_runtime` gives this handle; `aggregates`, from a `runtime`, can do the same and take
/// commands. Cheap to copy, safe from any thread. It may outlive the runtime; then every call
/// fails with `shut_down`.
template <aggregate T>
class aggregate_reader {
public:
  using state = typename T::state;

  /// From `reading_runtime::host`.
  explicit aggregate_reader(std::shared_ptr<detail::aggregate_host> host) noexcept
    : host_{std::move(host)} {}

  /// Evaluates `function(state)` or `function(state, version)`; the future holds what it returns,
  /// which must be a value. If an aggregate has no events, its state is the empty one.
  ///
  /// In a `runtime` the aggregate evaluates it between commands: it sees every command sent before
  /// it, and the future is ready only when every event that it saw is durable. Errors of the
  /// future: those of `aggregates::ask`; `decide_failed` if the function throws.
  ///
  /// In a `reading_runtime` the calling thread rebuilds the durable state from the journal and
  /// evaluates it; the future is ready at once. Errors of the future: those of `history`,
  /// `deadline_exceeded`, `decide_failed`. There it must not be called within evolve, nor by the
  /// clock: the program stops.
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
  /// journal, in the calling thread. An older event is visited as what its upcaster makes of it:
  /// one event, several, or none. Returns the version of the last event visited, or
  /// `from_version - 1` if there was none. What `visitor` throws passes through.
  ///
  /// Nothing is held while `visitor` runs: the events are copied out, 1 MiB at a time, and then
  /// shown. So it may take its time and call anything, `close` too: then what is left fails with
  /// `shut_down`. What it sees is the stream as of the call. Of a stream that is larger than that,
  /// 8 bytes of memory an event are needed besides. Not within evolve: that stops the program.
  ///
  /// Errors: those of `journal::replay`, `invalid_argument` (the id; `from_version` is 0),
  /// `overloaded` (a `runtime` is at its bound of requests), `shut_down`, `evolve_failed` (an event
  /// of a type that `T` does not list, or whose upcaster threw).
  template <class Visitor>
  result<cairn::version> history(std::string_view id, Visitor visitor,
                                 cairn::version from_version = cairn::version{1},
                                 cairn::version to_version = cairn::version::max()) const {
    detail::forbid_within(detail::read_events, "aggregates::history");
    return host_->replay(id, from_version, to_version, [&](const event_view& event) {
      const auto info = detail::info_of(event);
      detail::for_each_event<T>(
          event, [&](const typename T::event& happened) { visitor(info, happened); });
      return visit_result::proceed;
    });
  }

  /// The state that `id` had after its event number `version`, folded from the journal in the
  /// calling thread; not within evolve. Errors: those of `history`; `evolve_failed` if evolve
  /// throws; `not_found` if the aggregate has never been at that version.
  result<state> state_at_version(std::string_view id, cairn::version version) const {
    detail::forbid_within(detail::read_events, "aggregates::state_at_version");
    auto past = fold(id, version, [](const event_view&) { return true; });
    if (!past)
      return std::move(past).error();
    if (past->version != version) {
      return error{errc::not_found, "the aggregate has " + to_string(past->version)
                                        + " events, none with version " + to_string(version)}
          .with_version(past->version);
    }
    return std::move(past->value);
  }

  /// A state of the past.
  struct past_state {
    state value;
    cairn::version version{}; ///< 0 if there was no event yet.
  };

  /// The state that `id` had at the time `when`: the state before the first event recorded after
  /// `when`, by the clock of the machine that wrote it; not within evolve. Errors: those of
  /// `history`; `evolve_failed` if evolve throws.
  result<past_state> state_at_time(std::string_view id,
                                   std::chrono::sys_time<std::chrono::nanoseconds> when) const {
    detail::forbid_within(detail::read_events, "aggregates::state_at_time");
    return fold(id, cairn::version::max(),
                [&](const event_view& event) { return event.recorded_at() <= when; });
  }

  /// Calls `handler` for the durable events of all aggregates of the type, past and live, in the
  /// order of positions, on a thread of the subscription's own.
  ///
  /// `handler(const event_info&, event)`, where `event` is any of the structs in `T::event`, as a
  /// value or as its Cap'n Proto `Reader` (the value where it takes both), or a `const T::event&`
  /// for all of them. Events without an overload are skipped; `overloaded` combines several
  /// functions into one handler. Errors: those of `runtime::subscribe`.
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

protected:
  const std::shared_ptr<detail::aggregate_host>& host() const noexcept { return host_; }

private:
  /// Folds the events up to `version`, as long as they are `wanted`.
  template <class Wanted>
  result<past_state> fold(std::string_view id, cairn::version version, Wanted wanted) const {
    detail::typed_state<T> past;
    cairn::version at{};
    std::optional<error> failure;
    const auto reached =
        host_->replay(id, cairn::version{1}, version, [&](const event_view& event) {
          if (!wanted(event))
            return visit_result::stop;
          const detail::user_code_scope inside{detail::user_code::evolve};
          failure = detail::try_evolve(past, event);
          at = event.version();
          return failure ? visit_result::stop : visit_result::proceed;
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
