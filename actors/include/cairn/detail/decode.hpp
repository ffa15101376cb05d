#pragma once

#include <cairn/aggregate.hpp>
#include <cairn/detail/invoke.hpp>
#include <cairn/journal.hpp>

#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

/// From an event in the journal to what the aggregate knows: the one place where older events
/// become current ones.
namespace cairn::detail {

/// An event in a stream whose type the aggregate lists neither in `event` nor in `older_event`.
struct unknown_event_type {
  std::uint64_t type;
};

/// An upcaster threw; the text says what.
class upcast_failure : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// The text of the exception that is being handled.
std::string describe_current_exception();

template <class T, class Old>
auto call_upcast(const Old& old) {
  try {
    return T::upcast(old);
  } catch (...) {
    throw upcast_failure{"upcast threw: " + describe_current_exception()};
  }
}

template <class T, class Given, class Take>
void take_upcast(const Given& given, Take& take);

/// Upcasts one older event, and what comes of it, until only current events are left.
template <class T, class Old, class Take>
void upcast_event(const Old& old, Take& take) {
  take_upcast<T>(call_upcast<T>(old), take);
}

/// What an upcaster returned: a current event, a later one of the older events, a variant of
/// either, or a range of any of these.
template <class T, class Given, class Take>
void take_upcast(const Given& given, Take& take) {
  if constexpr (alternative_of<Given, typename T::event>)
    take(std::type_identity<Given>{}, given);
  else if constexpr (alternative_of<Given, older_events_of<T>>)
    upcast_event<T>(given, take);
  else if constexpr (is_variant<Given>)
    std::visit([&](const auto& alternative) { take_upcast<T>(alternative, take); }, given);
  else
    for (const auto& element : given)
      take_upcast<T>(element, take);
}

/// Calls `take(std::type_identity<E>, form)` for each current event that the event in the journal
/// stands for: usually once, with its `Reader`; for an older event with as many values `const E&`
/// as its upcasters make of it. Throws `unknown_event_type`, `upcast_failure` and
/// `kj::Exception`.
template <aggregate T, class Take>
void decode_event(const event_view& event, Take&& take) {
  const auto type = event.type();
  const auto current = [&]<class... Es>(std::type_identity<std::variant<Es...>>) {
    [[maybe_unused]] const auto take_one = [&]<class E>(std::type_identity<E> tag) {
      take(tag, event.payload().template getAs<typename schema_of<E>::wire>());
      return true;
    };
    return ((type == type_id_of<Es>() && take_one(std::type_identity<Es>{})) || ...);
  };
  const auto older = [&]<class... Es>(std::type_identity<std::variant<Es...>>) {
    [[maybe_unused]] const auto take_one = [&]<class E>(std::type_identity<E>) {
      upcast_event<T>(
          schema_of<E>::read(event.payload().template getAs<typename schema_of<E>::wire>()), take);
      return true;
    };
    return ((type == type_id_of<Es>() && take_one(std::type_identity<Es>{})) || ...);
  };
  if (!current(std::type_identity<typename T::event>{})
      && !older(std::type_identity<older_events_of<T>>{}))
    throw unknown_event_type{type};
}

/// The same with values: calls `take(const T::event&)`.
template <aggregate T, class Take>
void for_each_event(const event_view& event, Take&& take) {
  decode_event<T>(event, [&]<class E>(std::type_identity<E>, const auto& form) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(form)>, E>)
      take(typename T::event{form});
    else
      take(typename T::event{schema_of<E>::read(form)});
  });
}

/// Folds the event into the state.
template <aggregate T>
void evolve_by(typename T::state& state, const event_view& event) {
  decode_event<T>(event, [&]<class E>(std::type_identity<E>, const auto& form) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(form)>, E>)
      call_evolve<T>(state, form);
    else if constexpr (evolves_wire<T, E>)
      T::evolve(state, form);
    else
      T::evolve(state, schema_of<E>::read(form));
  });
}

/// The schemas of all events that the aggregate can read.
template <class... Variants>
std::vector<capnp::StructSchema> schemas_of_events() {
  std::vector<capnp::StructSchema> schemas;
  const auto add = [&]<class... Es>(std::type_identity<std::variant<Es...>>) {
    (schemas.push_back(capnp::Schema::from<typename schema_of<Es>::wire>()), ...);
  };
  (add(std::type_identity<Variants>{}), ...);
  return schemas;
}

} // namespace cairn::detail
