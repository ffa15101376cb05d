#pragma once

#include <cairn/aggregate.hpp>
#include <cairn/detail/decode.hpp>
#include <cairn/detail/invoke.hpp>
#include <cairn/event_info.hpp>

#include <type_traits>
#include <utility>
#include <variant>

namespace cairn::detail {

template <class Handler, class E>
inline constexpr bool handles_value = std::is_invocable_v<Handler&, const event_info&, const E&>;

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

/// Decodes what the handler wants to see, and passes over the rest. Older events come as what their
/// upcasters make of them.
template <aggregate T, class Handler>
class typed_handler {
public:
  explicit typed_handler(Handler handler) : handler_{std::move(handler)} {}

  void operator()(const event_view& event) {
    decode_event<T>(event, [&]<class E>(std::type_identity<E>, const auto& form) {
      using wire = typename schema_of<E>::wire;
      constexpr bool is_value = std::is_same_v<std::remove_cvref_t<decltype(form)>, E>;
      if constexpr (handles_value<Handler, E>) {
        if constexpr (is_value)
          handler_(info_of(event), form);
        else
          handler_(info_of(event), schema_of<E>::read(form));
      } else if constexpr (handles<Handler, E>) {
        if constexpr (is_value)
          with_wire(form, [&](typename wire::Reader reader) { handler_(info_of(event), reader); });
        else
          handler_(info_of(event), form);
      }
    });
  }

private:
  Handler handler_;
};

} // namespace cairn::detail
