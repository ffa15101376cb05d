#pragma once

#include <capnp/schema.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace cairn {

namespace detail {
class unnested;

/// A message would nest deeper than any reader follows.
struct nests_too_deep : std::length_error {
  nests_too_deep();
};
} // namespace detail

/// Connects a plain C++ value struct with the Cap'n Proto struct that is its form on disk and on
/// the wire.
///
/// `capnpc-cairn` generates a specialisation for every struct of a schema; nobody writes one by
/// hand. It holds
///
///     using wire = ItemAdded;                                  // the Cap'n Proto type
///     static void write(const Value&, ItemAdded::Builder);     // value -> wire, a fresh builder
///     static Value read(ItemAdded::Reader);                    // wire -> value
///     static std::size_t heap_bytes(const Value&) noexcept;    // owned beyond sizeof(Value)
///
/// `read` throws `kj::Exception` on damaged bytes; every caller in Cairn turns that into
/// `corrupt_record`.
template <class Value>
struct schema_of;

/// The other way: the value struct generated for the Cap'n Proto type `Wire`, as
/// `value_of<Wire>::type`.
template <class Wire>
struct value_of;

/// A value struct that `capnpc-cairn` generated.
template <class T>
concept schema_value = requires(const T& value, typename schema_of<T>::wire::Builder builder,
                                typename schema_of<T>::wire::Reader reader) {
  schema_of<T>::write(value, builder);
  { schema_of<T>::read(reader) } -> std::same_as<T>;
  { schema_of<T>::heap_bytes(value) }
  noexcept->std::same_as<std::size_t>;
};

namespace detail {

/// One whose type does not bound how deep a value nests: it may hold its like, in lists. Then
/// `write` throws `nests_too_deep` beyond what can be read again, and there are
///
///     static std::size_t heap_bytes(const Value&, int levels) noexcept; // looks no deeper
///     static bool nests_within(const Value&, int levels) noexcept;      // looks no deeper
///     static void unnest(Value&, unnested& into);                       // takes its lists out
template <class T>
concept endless_value = requires(T& value, unnested& into) {
  schema_of<T>::nests_within(value, 1);
  schema_of<T>::unnest(value, into);
};

} // namespace detail

/// The 64-bit id that the schema gives the type; it survives renaming and names the type in every
/// record.
template <schema_value T>
constexpr std::uint64_t type_id_of() noexcept {
  return capnp::typeId<typename schema_of<T>::wire>();
}

} // namespace cairn
