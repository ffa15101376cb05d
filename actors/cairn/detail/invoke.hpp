#pragma once

#include <cairn/aggregate.hpp>

#include <capnp/message.h>

#include <utility>

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

/// Calls the aggregate's evolve in whichever form it has for this event.
template <class T, class Event>
void call_evolve(typename T::state& state, const Event& event) {
  if constexpr (evolves_wire<T, Event>)
    with_wire(event, [&](auto wire) { T::evolve(state, wire); });
  else
    T::evolve(state, event);
}

} // namespace cairn::detail
