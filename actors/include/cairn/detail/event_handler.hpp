#pragma once

#include <cairn/aggregate.hpp>
#include <cairn/detail/decode.hpp>
#include <cairn/detail/invoke.hpp>
#include <cairn/event_info.hpp>
#include <cairn/result.hpp>

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

  void operator()(const event_view& event) { (void)handle(event); }

  /// The first error that the handler has returned, if it returns `result<void>`: of one older
  /// event several may have been made, and it is not called for those behind it.
  result<void> handle(const event_view& event) {
    result<void> handled;
    decode_event<T>(event, [&]<class E>(std::type_identity<E>, const auto& form) {
      if (!handled)
        return;
      using wire = typename schema_of<E>::wire;
      constexpr bool is_value = std::is_same_v<std::remove_cvref_t<decltype(form)>, E>;
      if constexpr (handles_value<Handler, E>) {
        if constexpr (is_value)
          handled = call(info_of(event), form);
        else
          handled = call(info_of(event), schema_of<E>::read(form));
      } else if constexpr (handles<Handler, E>) {
        if constexpr (is_value)
          with_wire(form,
                    [&](typename wire::Reader reader) { handled = call(info_of(event), reader); });
        else
          handled = call(info_of(event), form);
      }
    });
    return handled;
  }

private:
  template <class Form>
  result<void> call(const event_info& info, const Form& form) {
    using returned = std::invoke_result_t<Handler&, const event_info&, const Form&>;
    if constexpr (std::is_convertible_v<returned, result<void>>)
      return handler_(info, form);
    else
      return static_cast<void>(handler_(info, form)), result<void>{};
  }

  Handler handler_;
};

} // namespace cairn::detail
