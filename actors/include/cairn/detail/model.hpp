#pragma once

#include <cairn/aggregate.hpp>
#include <cairn/detail/decode.hpp>
#include <cairn/detail/nested.hpp>
#include <cairn/detail/request.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

namespace cairn::detail {

/// A fingerprint of everything that decides whether a stored state fits the program: the layout and
/// the names of the schema's fields, of all structs it contains, and the application's own
/// `state_version`. XXH3, 64 bits.
std::uint64_t schema_fingerprint(capnp::StructSchema schema, std::uint64_t version);

/// An aggregate type without its type: what the runtime needs to keep aggregates of it.
class aggregate_model {
public:
  aggregate_model(std::string_view name, const void* cxx_type, std::uint64_t state_fingerprint,
                  const aggregate_options& with)
    : type_name{name}, identity{cxx_type}, fingerprint{state_fingerprint}, options{with} {}
  virtual ~aggregate_model() = default;

  virtual std::unique_ptr<aggregate_state> make_state() const = 0;

  /// What the journal is told before the first event.
  virtual schema_declaration schemas() const = 0;

  const std::string type_name;
  const void* const identity; ///< Distinguishes C++ types that claim the same name.
  const std::uint64_t fingerprint;
  const aggregate_options options;
};

template <class T>
inline constexpr char model_identity = 0;

template <aggregate T>
class typed_state final : public aggregate_state {
public:
  typed_state() = default;
  ~typed_state() override { destroy_level_by_level(value); }

  void evolve(const event_view& event) override { evolve_by<T>(value, event); }
  void write_snapshot(capnp::AnyPointer::Builder into) const override {
    schema_of<state>::write(value, into.initAs<wire>());
  }
  void read_snapshot(capnp::AnyPointer::Reader from) override {
    value = schema_of<state>::read(from.getAs<wire>());
  }
  bool wants_snapshot(cairn::version version) const override {
    if constexpr (wants_snapshots_by_predicate<T>)
      return T::wants_snapshot(value, version);
    else
      return (void)version, false;
  }
  std::size_t bytes() const noexcept override {
    return sizeof(*this) + schema_of<state>::heap_bytes(value);
  }

  using state = typename T::state;
  using wire = typename schema_of<state>::wire;

  state value{};
};

template <aggregate T>
class typed_model final : public aggregate_model {
public:
  static_assert(valid_type_name(T::type_name),
                "cairn: an aggregate's type_name is 1 to 64 of a-z 0-9 - _ .");
  static_assert(
      require_overloads<T, typename T::command, typename T::event, older_events_of<T>>::holds);
  static_assert(
      wants_snapshots_by_predicate<T> || !requires { &T::wants_snapshot; },
      "cairn: wants_snapshot takes the state and a cairn::version, and returns a bool");

  explicit typed_model(const aggregate_options& with)
    : aggregate_model{T::type_name, &model_identity<T>,
                      schema_fingerprint(capnp::Schema::from<typename typed_state<T>::wire>(),
                                         state_version<T>()),
                      with} {}

  std::unique_ptr<aggregate_state> make_state() const override {
    return std::make_unique<typed_state<T>>();
  }

  schema_declaration schemas() const override {
    return {.owner = type_name,
            .events = schemas_of_events<typename T::event, older_events_of<T>>(),
            .states = {capnp::Schema::from<typename typed_state<T>::wire>()},
            .rows = {}};
  }
};

} // namespace cairn::detail
