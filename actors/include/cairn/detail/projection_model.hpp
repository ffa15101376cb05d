#pragma once

#include <cairn/aggregate.hpp>
#include <cairn/detail/decode.hpp>
#include <cairn/detail/invoke.hpp>
#include <cairn/event_info.hpp>
#include <cairn/table.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <variant>
#include <vector>

namespace cairn {

/// Read-model rows that follow from the events, as a type `P` that is never instantiated:
///
///     struct best_sellers {
///       static constexpr std::string_view name = "best-sellers";  // names its directory
///       static constexpr std::uint32_t version = 1;
///       using event = std::variant<item_added, item_removed>;     // generated structs
///       static constexpr cairn::table<std::string, sale, by_quantity> sales{"sales"};
///       static constexpr auto tables = std::tie(sales);           // all of them
///       static void project(cairn::table_writer&, const cairn::event_info&, const item_added&);
///       static void project(cairn::table_writer&, const cairn::event_info&, const item_removed&);
///     };
///
/// Events of other types, of whatever aggregate, are passed over. `project` may take the Cap'n
/// Proto `Reader` instead of the value struct where the copy is worth saving. It is called for one
/// event at a time, in the order of positions, and looks at nothing but the event and the tables:
/// the rows are the fold of the journal, and can be made again from it. It is called again for an
/// event whose rows were lost with the process or whose handling failed; what it wrote then is not
/// there any more. With `projection_options::threads` several threads call it at once, for
/// events of different streams.
///
/// The version is raised when the rows would come out differently: then they are built anew. The
/// rows' structs change by the same rules as those of events, also then, because the tables of the
/// version before serve meanwhile: for another layout, give the rows another struct.
///
/// An event that an older version of the program wrote comes as what its upcasters make of it, if
/// the projection names the aggregate that declares them: `using upcast_by = shopping_cart;`, or a
/// `std::tuple` of several. Without that it is an event of another type.
///
/// A missing overload is a compile error that names projection and event.
template <class P>
concept projection_definition = requires {
  { P::name } -> std::convertible_to<std::string_view>;
  { P::version } -> std::convertible_to<std::uint32_t>;
  typename P::event;
  P::tables;
};

namespace detail {

template <class P, class E>
concept projects_value = requires(table_writer& to, const event_info& info, const E& event) {
  P::project(to, info, event);
};

template <class P, class E>
concept projects_wire = requires(table_writer& to, const event_info& info,
                                 typename schema_of<E>::wire::Reader event) {
  P::project(to, info, event);
};

// As for aggregates: the compiler prints the arguments of the template whose assertion fails.
template <class Projection, class Event>
struct require_project {
  static_assert(schema_value<Event>,
                "cairn: this event is not a struct that capnpc-cairn generated");
  static_assert(projects_value<Projection, Event> || projects_wire<Projection, Event>,
                "cairn: missing overload: static void project(table_writer&, const event_info&, "
                "const Event&)");
  static constexpr bool holds = true;
};

template <class Aggregates>
struct tuple_of {
  using type = std::tuple<Aggregates>;
};
template <class... Aggregates>
struct tuple_of<std::tuple<Aggregates...>> {
  using type = std::tuple<Aggregates...>;
};

template <class P>
struct upcasters_of {
  using type = std::tuple<>;
};
template <class P>
  requires requires {
    typename P::upcast_by;
  }
struct upcasters_of<P> : tuple_of<typename P::upcast_by> {};

template <class Projection, class Event>
struct projection_dispatch;

/// Finds the handler of an event by its Cap'n Proto type id.
template <class P, class... Events>
struct projection_dispatch<P, std::variant<Events...>> {
  static constexpr bool complete = (require_project<P, Events>::holds && ...);

  static void project(table_writer& to, const event_view& event) {
    const auto type = event.type();
    const bool current =
        ((type == type_id_of<Events>() && (project_as<Events>(to, event), true)) || ...);
    if (!current)
      project_upcast(to, event, std::type_identity<typename upcasters_of<P>::type>{});
  }

private:
  template <class E>
  static void project_as(table_writer& to, const event_view& event) {
    const auto wire = event.payload().getAs<typename schema_of<E>::wire>();
    if constexpr (projects_wire<P, E>)
      P::project(to, info_of(event), wire);
    else
      P::project(to, info_of(event), schema_of<E>::read(wire));
  }

  template <class... Aggregates>
  static void project_upcast(table_writer& to, const event_view& event,
                             std::type_identity<std::tuple<Aggregates...>>) {
    (void)((is_older_of<Aggregates>(event.type()) && (upcast_by<Aggregates>(to, event), true))
           || ...);
  }

  template <class A>
  static bool is_older_of(std::uint64_t type) {
    return []<class... Es>(std::uint64_t wanted, std::type_identity<std::variant<Es...>>) {
      return ((wanted == type_id_of<Es>()) || ...);
    }(type, std::type_identity<older_events_of<A>>{});
  }

  template <class A>
  static void upcast_by(table_writer& to, const event_view& event) {
    decode_event<A>(event, [&]<class E>(std::type_identity<E>, const auto& form) {
      // What an older event comes to are values.
      constexpr bool is_value = std::is_same_v<std::remove_cvref_t<decltype(form)>, E>;
      if constexpr (is_value && alternative_of<E, std::variant<Events...>>) {
        if constexpr (projects_wire<P, E>)
          with_wire(form, [&](auto wire) { P::project(to, info_of(event), wire); });
        else
          P::project(to, info_of(event), form);
      }
    });
  }
};

/// A projection without its type.
class projection_model {
public:
  projection_model(std::string_view with_name, std::uint32_t with_version, const void* cxx_type,
                   std::string with_shape, std::vector<capnp::StructSchema> with_rows)
    : name{with_name}, version{with_version}, identity{cxx_type}, shape{std::move(with_shape)},
      rows{std::move(with_rows)} {}
  virtual ~projection_model() = default;

  /// Throws what the handler throws, and `kj::Exception` for a damaged event.
  virtual void project(table_writer& to, const event_view& event) const = 0;

  const std::string name;
  const std::uint32_t version; ///< The definition's, but in simulations.
  const void* const identity;  ///< Distinguishes C++ types that claim the same name.
  const std::string shape;     ///< Of the tables, a line each.
  const std::vector<capnp::StructSchema> rows; ///< Of the tables.
};

template <class Key, class Row, class... Indexes>
capnp::StructSchema row_schema_of(const table<Key, Row, Indexes...>&) {
  return capnp::Schema::from<typename schema_of<Row>::wire>();
}

template <class... Tables>
std::vector<capnp::StructSchema> row_schemas_of(const std::tuple<Tables...>& tables) {
  return std::apply(
      [](const auto&... each) { return std::vector<capnp::StructSchema>{row_schema_of(each)...}; },
      tables);
}

/// The shapes of tables, a line each. Two tables of one name are a bug and stop the program.
template <class... Tables>
std::string shape_of_all(const std::tuple<Tables...>& tables) {
  std::string text;
  std::vector<std::uint64_t> ids;
  std::apply(
      [&](const auto&... each) {
        const auto add = [&](const table_shape& shape) {
          for (const auto id : ids)
            check(id != shape.id, "two tables of a projection have the same name");
          ids.push_back(shape.id);
          text += shape.text + '\n';
        };
        (add(shape_of(each)), ...);
      },
      tables);
  return text;
}

template <class T>
inline constexpr char projection_identity = 0;

template <projection_definition P>
class typed_projection final : public projection_model {
public:
  static_assert(valid_type_name(P::name), "cairn: a projection's name is 1 to 64 of a-z 0-9 - _ .");
  using dispatch = projection_dispatch<P, typename P::event>;
  static_assert(dispatch::complete);

  explicit typed_projection(std::uint32_t in_version = P::version)
    : projection_model{P::name, in_version, &projection_identity<P>, shape_of_all(P::tables),
                       row_schemas_of(P::tables)} {}

  void project(table_writer& to, const event_view& event) const override {
    dispatch::project(to, event);
  }
};

} // namespace detail
} // namespace cairn
