#pragma once

#include <cairn/detail/invoke.hpp>
#include <cairn/detail/model.hpp>
#include <cairn/detail/nested.hpp>
#include <cairn/detail/request.hpp>
#include <cairn/detail/user_code.hpp>
#include <cairn/future.hpp>

#include <capnp/message.h>

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace cairn::detail {

/// A request and its future in one allocation, in the order in which they are touched: who has the
/// request's address fetches what follows it, see `request_bytes_to_fetch`.
template <class T>
class call : public request, public future_state<T> {
public:
  using request::request;

  void fail(error failure) noexcept override { this->settle(result<T>{std::move(failure)}); }
  void dispose() noexcept override { this->deref(); }
};

/// Makes the call and the future that shares it.
template <class Call, class T, class... Args>
std::pair<request_ptr, future<T>> make_call(Args&&... args) {
  auto shared = make_intrusive<Call>(std::forward<Args>(args)...);
  request_ptr queued{intrusive_ptr<Call>{shared}.release()};
  return {std::move(queued), future<T>{intrusive_ptr<future_state<T>>{std::move(shared)}}};
}

/// The payload of a record that was just encoded.
template <class Wire, class Use>
void with_payload(std::span<const capnp::word> message, Use&& use) {
  const kj::ArrayPtr<const capnp::word> segment{message.data(), message.size()};
  const kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments{&segment, 1};
  capnp::SegmentArrayMessageReader reader{
      segments,
      {.traversalLimitInWords = 4 * message.size() + 1024, .nestingLimit = max_nesting + 1}};
  use(reader.getRoot<format::EventRecord>().getPayload().template getAs<Wire>());
}

template <aggregate T, schema_value C>
class command_call final : public call<reply> {
public:
  command_call(C command, message_id correlation, message_id causation)
    : call{sizeof(command_call) + schema_of<C>::heap_bytes(command)}, command_{std::move(command)},
      correlation_id_{correlation}, causation_id_{causation} {}

  effect execute(execution& at) noexcept override {
    auto& state = static_cast<typed_state<T>&>(at.state).value;
    const auto before = at.events.size();
    failure_.reset();
    rejection_ = imposed_rejection_;
    events_ = 0;
    if (rejection_)
      return effect::none;
    user_code_scope inside{user_code::decide};
    try {
      auto decided = call_decide<T>(state, command_);
      if (decided.rejected()) {
        rejection_ = std::make_shared<const rejection>(std::move(decided.rejection()));
        return effect::none;
      }
      const auto done = append(at, state, decided, inside);
      if (failure_)
        destroy_events(decided);
      return done;
    } catch (...) {
      at.events.truncate(before); // an event that cannot be written takes the others along
      fail_with(errc::decide_failed, "decide threw: " + describe_current_exception()
                                         + " (aggregate " + at.stream.name() + ")");
      return effect::none;
    }
  }

  void deliver(stream_head at) noexcept override {
    if (failure_)
      this->settle(std::move(*failure_));
    else if (rejection_)
      this->settle(reply::refuse(std::move(rejection_), at.version, at.position));
    else
      this->settle(reply::accept(at.version, at.position, events_));
  }

  void reject_with(rejection no) noexcept override {
    imposed_rejection_ = std::make_shared<const rejection>(std::move(no));
  }

  void deliver_repeated(stream_head at) noexcept override {
    this->settle(reply::accept(at.version, at.position, 0, true));
  }

private:
  using state_type = typename T::state;
  using decision_type = decision<typename T::event>;

  void fail_with(errc code, std::string message) {
    failure_ = std::make_unique<error>(code, std::move(message));
  }

  /// One that was refused may nest without a bound.
  static void destroy_events(decision_type& decided) noexcept {
    for (std::size_t i = 0; i < decided.size(); ++i)
      std::visit([](auto& event) { destroy_level_by_level(event); },
                 const_cast<typename T::event&>(decided[i]));
  }

  effect append(execution& at, state_type& state, const decision_type& decided,
                user_code_scope& inside) {
    const auto before = at.events.size();
    if (!decided.reservations().empty() && decided.size() == 0) {
      fail_with(errc::decide_failed,
                "decide reserves a key without an event (aggregate " + at.stream.name() + ")");
      return effect::none;
    }
    inside.change_to(user_code::tags);
    for (std::size_t i = 0; i < decided.size(); ++i) {
      const auto added = add(at, state, decided, i);
      if (!added) {
        at.events.truncate(before);
        failure_ = std::make_unique<error>(added.error());
        return effect::none;
      }
    }
    inside.change_to(user_code::evolve);
    try {
      for (std::size_t i = 0; i < decided.size(); ++i)
        evolve(state, decided[i], at.events.message(before + i));
    } catch (...) {
      at.events.truncate(before);
      fail_with(errc::evolve_failed, "evolve threw: " + describe_current_exception()
                                         + " (aggregate " + at.stream.name()
                                         + ", the event was not written)");
      return effect::poisoned;
    }
    events_ = decided.size();
    return events_ == 0 ? effect::none : effect::appended;
  }

  result<void> add(execution& at, const state_type& state, const decision_type& decided,
                   std::size_t index) const {
    event_metadata metadata{.command_id = command_id,
                            .correlation_id = correlation_id_,
                            .causation_id = causation_id_,
                            .tags = {},
                            .reservations = {}};
    if (index == 0) // they take effect together; see the schema of the record
      metadata.reservations = decided.reservations();
    return std::visit(
        [&]<class E>(const E& event) {
          if constexpr (has_tags<T, E>) {
            const auto texts = call_tags<T>(state, event);
            const std::vector<std::string_view> tags{texts.begin(), texts.end()};
            metadata.tags = tags;
            return at.events.add(at.stream, metadata, event);
          } else {
            return at.events.add(at.stream, metadata, event);
          }
        },
        decided[index]);
  }

  static void evolve(state_type& state, const typename T::event& decided,
                     std::span<const capnp::word> message) {
    std::visit(
        [&]<class E>(const E& event) {
          if constexpr (evolves_wire<T, E>) {
            with_payload<typename schema_of<E>::wire>(
                message, [&](typename schema_of<E>::wire::Reader wire) { T::evolve(state, wire); });
          } else {
            T::evolve(state, event);
          }
        },
        decided);
  }

  C command_;
  message_id correlation_id_;
  message_id causation_id_;
  std::uint64_t events_ = 0;
  // Elsewhere, as most commands are accepted: commands under way fill the processor's caches.
  std::shared_ptr<const rejection> rejection_;
  std::shared_ptr<const rejection> imposed_rejection_; // the answer, whatever is decided
  std::unique_ptr<error> failure_;
};

/// What a query function returns for the state of `T`.
template <aggregate T, class Function>
struct query_result {
  static constexpr bool with_version =
      std::is_invocable_v<Function&, const typename T::state&, cairn::version>;
  static_assert(with_version || std::is_invocable_v<Function&, const typename T::state&>,
                "cairn: a query function takes the state, or the state and a cairn::version");
  using type = typename std::conditional_t<
      with_version, std::invoke_result<Function&, const typename T::state&, cairn::version>,
      std::invoke_result<Function&, const typename T::state&>>::type;
  static_assert(!std::is_reference_v<type>,
                "cairn: a query function returns a value: the state stays with its aggregate");
};

template <aggregate T, class Function>
class query_call final : public call<typename query_result<T, Function>::type> {
public:
  using value = typename query_result<T, Function>::type;

  explicit query_call(Function function)
    : call<value>{sizeof(query_call)}, function_{std::move(function)} {}

  effect execute(execution& at) noexcept override {
    const auto& state = static_cast<const typed_state<T>&>(at.state).value;
    const user_code_scope inside{user_code::query};
    try {
      if constexpr (query_result<T, Function>::with_version)
        answer_.emplace(function_(state, at.version));
      else
        answer_.emplace(function_(state));
    } catch (...) {
      answer_.emplace(error{errc::decide_failed, "the query threw: " + describe_current_exception()
                                                     + " (aggregate " + at.stream.name() + ")"});
    }
    return effect::none;
  }

  void deliver(stream_head) noexcept override { this->settle(*std::move(answer_)); }
  void deliver_repeated(stream_head) noexcept override {
    assertion_failed("a query has no command id", __FILE__, __LINE__);
  }

private:
  Function function_;
  std::optional<result<value>> answer_;
};

} // namespace cairn::detail
