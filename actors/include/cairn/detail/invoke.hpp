#pragma once

#include <cairn/aggregate.hpp>

#include <capnp/message.h>

#include <string>
#include <utility>
#include <vector>

namespace cairn::detail {

/// Hands `use` the wire form of a value.
template <schema_value T, class Use>
decltype(auto) with_wire(const T& value, Use&& use) {
  capnp::MallocMessageBuilder message;
  auto wire = message.initRoot<typename schema_of<T>::wire>();
  schema_of<T>::write(value, wire);
  return std::forward<Use>(use)(wire.asReader());
}

/// Calls the aggregate's decide in whichever form it has for this command.
template <class T, class Command>
decision<typename T::event> call_decide(const typename T::state& state, const Command& command) {
  if constexpr (decides_value<T, Command>)
    return T::decide(state, command);
  else
    return with_wire(command, [&](auto wire) { return T::decide(state, wire); });
}

/// Whether the aggregate may tag events of this type.
template <class T, class Event>
inline constexpr bool has_tags = tags_by_state<T, Event> || tags_by_event<T, Event>;

/// The tags of an event that was decided in `state`.
template <class T, class Event>
std::vector<std::string> call_tags([[maybe_unused]] const typename T::state& state,
                                   [[maybe_unused]] const Event& event) {
  const auto copy = [](const auto& texts) {
    std::vector<std::string> tags;
    for (const auto& text : texts)
      tags.emplace_back(text);
    return tags;
  };
  if constexpr (tags_by_state<T, Event>)
    return copy(T::tags(state, event));
  else if constexpr (tags_by_event<T, Event>)
    return copy(T::tags(event));
  else
    return {};
}

/// Calls the aggregate's evolve in whichever form it has for this event.
template <class T, class Event>
void call_evolve(typename T::state& state, const Event& event) {
  if constexpr (evolves_wire<T, Event>)
    with_wire(event, [&](auto wire) { T::evolve(state, wire); });
  else
    T::evolve(state, event);
}

} // namespace cairn::detail
