#pragma once

#include <cairn/decision.hpp>
#include <cairn/schema.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <variant>

namespace cairn {

/// How the aggregates of one type are kept. Given to `runtime::host`, which refuses an option
/// outside its range with `invalid_argument` and names both.
struct aggregate_options {
  /// Number of commands with an id that each aggregate remembers: the newest ones that had an
  /// effect. A command repeated within the window gets the first reply again and has no second
  /// effect; a command repeated after this many others is judged anew. 0 switches deduplication
  /// off; at most 65,536. A remembered command takes 32 bytes of memory in a resident aggregate.
  std::size_t deduplication_window = 128;

  /// A snapshot is taken once this many events have been appended since the last one; 0: never. A
  /// state whose snapshot would be larger than `max_snapshot_bytes`, or nests deeper than
  /// `max_nesting`, has none, which `runtime_status::ignored_snapshots` counts. An
  /// aggregate may also ask for one by a predicate, `static bool wants_snapshot(const state&,
  /// cairn::version version)`.
  std::uint64_t snapshot_every = 500;

  /// Number of commands and queries that one aggregate may have accepted and not yet answered.
  /// At least 1. Above it the caller gets `overloaded` at once.
  std::size_t max_outstanding = 16'384;

  /// An aggregate that has had no message for this long is passivated. Zero: never by time; at most
  /// a hundred years.
  std::chrono::milliseconds idle_timeout = std::chrono::minutes{10};
};

namespace detail {

constexpr bool valid_type_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > 64)
    return false;
  for (const char c : name) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
      return false;
  }
  return true;
}

template <class T, class C>
concept decides_value = requires(const typename T::state& state, const C& command) {
  { T::decide(state, command) } -> std::convertible_to<decision<typename T::event>>;
};

template <class T, class C>
concept decides_wire = requires(const typename T::state& state,
                                typename schema_of<C>::wire::Reader command) {
  { T::decide(state, command) } -> std::convertible_to<decision<typename T::event>>;
};

template <class T, class E>
concept evolves_value = requires(typename T::state& state, const E& event) {
  T::evolve(state, event);
};

template <class T, class E>
concept evolves_wire = requires(typename T::state& state,
                                typename schema_of<E>::wire::Reader event) {
  T::evolve(state, event);
};

template <class T, class E>
concept tags_by_event = requires(const E& event) {
  T::tags(event);
};

template <class T, class E>
concept tags_by_state = requires(const typename T::state& state, const E& event) {
  T::tags(state, event);
};

template <class T, class Old>
concept upcasts = requires(const Old& old) {
  T::upcast(old);
};

template <class T>
struct older_events {
  using type = std::variant<>;
};
template <class T>
  requires requires {
    typename T::older_event;
  }
struct older_events<T> {
  using type = typename T::older_event;
};

/// The variant of the events that only older versions of the application wrote; often empty.
template <class T>
using older_events_of = typename older_events<T>::type;

template <class T>
inline constexpr bool is_variant = false;
template <class... Ts>
inline constexpr bool is_variant<std::variant<Ts...>> = true;

template <class T>
concept wants_snapshots_by_predicate = requires(const typename T::state& state,
                                                cairn::version version) {
  { T::wants_snapshot(state, version) } -> std::convertible_to<bool>;
};

/// The version of the meaning of a state, beside its schema: raised by the application when evolve
/// changes so that snapshots taken before must be rebuilt.
template <class T>
constexpr std::uint64_t state_version() noexcept {
  if constexpr (requires { T::state_version; })
    return T::state_version;
  else
    return 0;
}

// The compiler prints the template's arguments when an assertion in it fails: they name the
// aggregate and the alternative whose overload is missing.
template <class Aggregate, class Command>
struct require_decide {
  static_assert(schema_value<Command>,
                "cairn: this command is not a struct that capnpc-cairn generated");
  static_assert(
      decides_value<Aggregate, Command> || decides_wire<Aggregate, Command>,
      "cairn: missing overload: static decision<event> decide(const state&, const Command&)");
  static constexpr bool holds = true;
};

template <class Aggregate, class Event>
struct require_evolve {
  static_assert(schema_value<Event>,
                "cairn: this event is not a struct that capnpc-cairn generated");
  static_assert(evolves_value<Aggregate, Event> || evolves_wire<Aggregate, Event>,
                "cairn: missing overload: static void evolve(state&, const Event&)");
  static constexpr bool holds = true;
};

template <class Aggregate, class OlderEvent>
struct require_upcast {
  static_assert(schema_value<OlderEvent>,
                "cairn: this older event is not a struct that capnpc-cairn generated");
  static_assert(!alternative_of<OlderEvent, typename Aggregate::event>,
                "cairn: this event is listed in both event and older_event");
  static_assert(upcasts<Aggregate, OlderEvent>,
                "cairn: missing overload: static ... upcast(const OlderEvent&)");
  static constexpr bool holds = true;
};

template <class Aggregate, class Command, class Event, class OlderEvent>
struct require_overloads;
template <class Aggregate, class... Commands, class... Events, class... OlderEvents>
struct require_overloads<Aggregate, std::variant<Commands...>, std::variant<Events...>,
                         std::variant<OlderEvents...>> {
  static constexpr bool holds = (require_decide<Aggregate, Commands>::holds && ...)
                                && (require_evolve<Aggregate, Events>::holds && ...)
                                && (require_upcast<Aggregate, OlderEvents>::holds && ...);
};

} // namespace detail

/// The four things that make an aggregate, as a type `T` that is never instantiated:
///
///     struct shopping_cart {
///       static constexpr std::string_view type_name = "shopping-cart";  // names its streams
///       using state   = cart_state;            // generated; the empty state is state{}
///       using command = std::variant<add_item, check_out>;       // generated structs
///       using event   = std::variant<item_added, checked_out>;   // generated structs
///       static cairn::decision<event> decide(const state&, const add_item&);  // one a command
///       static void evolve(state&, const item_added&);                        // one an event
///     };
///
/// The type's name never changes: it is part of what the journal holds.
///
/// `decide` is pure: it looks at the state and the command, nothing else, and returns events or a
/// rejection. `evolve` is pure and total: an event that happened cannot be refused. Either may take
/// the Cap'n Proto `Reader` instead of the value struct where the copy is worth saving. Optional:
/// `wants_snapshot(const state&, cairn::version)`, and `state_version`, a number raised when evolve
/// changes its meaning so that older snapshots must be rebuilt.
///
/// Events may carry tags, by which they are found across streams (`journal::replay_tag`): at most
/// `max_tags`, each of 1 to `max_tag_bytes` bytes of UTF-8 without control characters. An aggregate
/// names those of an event, if it has any, by
///
///       static std::vector<std::string> tags(const item_added&);  // or:
///       static std::vector<std::string> tags(const state&, const item_added&);
///
/// The state is that before the command. What it returns is any range of texts; it is pure, and
/// called once for each decided event. A tag
/// against the limits fails the command with `invalid_argument`, and nothing is written.
///
/// Events that only older versions of the application wrote, and that the schema's own rules of
/// evolution cannot turn into current ones, are listed apart, each with a plain function to what it
/// is today:
///
///       using older_event = std::variant<item_added_v1, items_swapped_v1>;
///       static item_added upcast(const item_added_v1&);             // renamed, or means another
///       static std::vector<event> upcast(const items_swapped_v1&);  // split; an empty one: gone
///
/// It returns one of `event`, one of `older_event` that has its own upcaster in turn (no circles),
/// a variant of these, or a range of them, in their order. What was several types may become one.
/// Readers of events see the current ones, under the version and position of the older one; the
/// journal keeps the older one unchanged. `upcast` is pure; what it throws is reported as what
/// evolve throws. Snapshots are not upcast: raise `state_version` if the state means something else
/// than before.
///
/// A missing overload does not fail this concept quietly: it is a compile error that names
/// aggregate and alternative.
template <class T>
concept aggregate = requires {
  { T::type_name } -> std::convertible_to<std::string_view>;
  typename T::state;
  typename T::command;
  typename T::event;
}
&&schema_value<typename T::state>;

} // namespace cairn
