#pragma once

#include <cairn/aggregate.hpp>
#include <cairn/detail/model.hpp>
#include <cairn/event_info.hpp>

#include <type_traits>
#include <utility>
#include <variant>

namespace cairn::detail {

template <class Handler, class E>
inline constexpr bool handles_value = std::is_invocable_v<Handler&, const event_info&, const E&>;

template <class Handler, class E>
inline constexpr bool handles_wire =
    std::is_invocable_v<Handler&, const event_info&, typename schema_of<E>::wire::Reader>;

// A value first: asking a generic function whether it takes the other form would compile its body
// for it.
template <class Handler, class E>
inline constexpr bool handles = std::disjunction_v<
    std::bool_constant<handles_value<Handler, E>>,
    std::is_invocable<Handler&, const event_info&, typename schema_of<E>::wire::Reader>>;

template <class Handler, class Events>
inline constexpr bool handles_any = false;
template <class Handler, class... Events>
inline constexpr bool
    handles_any<Handler, std::variant<Events...>> = (handles<Handler, Events> || ...);

/// A handler for at least one of the events of the aggregate `T`.
template <class Handler, class T>
concept event_handler_of = handles_any<Handler, typename T::event>;

/// Decodes what the handler wants to see, and passes over the rest.
template <aggregate T, class Handler>
class typed_handler {
public:
  explicit typed_handler(Handler handler) : handler_{std::move(handler)} {}

  void operator()(const event_view& event) { dispatch<typename T::event>::call(handler_, event); }

private:
  template <class Events>
  struct dispatch;
  template <class... Events>
  struct dispatch<std::variant<Events...>> {
    static void call(Handler& handler, const event_view& event) {
      const auto type = event.type();
      const bool known =
          ((type == type_id_of<Events>() && (call_for<Events>(handler, event), true)) || ...);
      if (!known)
        throw unknown_event_type{type};
    }
  };

  template <class E>
  static void call_for(Handler& handler, const event_view& event) {
    using wire = typename schema_of<E>::wire;
    if constexpr (handles_value<Handler, E>)
      handler(info_of(event), schema_of<E>::read(event.payload().getAs<wire>()));
    else if constexpr (handles_wire<Handler, E>)
      handler(info_of(event), event.payload().getAs<wire>());
  }

  Handler handler_;
};

} // namespace cairn::detail
