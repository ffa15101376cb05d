#pragma once

#include <cairn/error.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

/// The keys of tables as bytes whose order is the order of the values; specified in FORMAT.md.
namespace cairn::detail {

using key_view = std::span<const std::byte>;

/// An LMDB key has at most 511 bytes, and ours are whole words.
inline constexpr std::size_t max_row_key_bytes = 504;

/// A key in the making, on the stack. One that gets too long counts on without keeping the bytes.
class encoded_key {
public:
  explicit encoded_key(std::uint64_t table) noexcept { add(table); }

  void add(std::uint64_t number) noexcept;
  void add(std::string_view text) noexcept;
  void add(key_view encoded) noexcept;

  bool fits() const noexcept { return size_ <= max_row_key_bytes; }
  std::size_t size() const noexcept { return size_; }
  /// Only if it fits.
  key_view bytes() const noexcept { return {bytes_, size_}; }

private:
  void push(const void* bytes, std::size_t count) noexcept;

  std::size_t size_ = 0;
  alignas(8) std::byte bytes_[max_row_key_bytes];
};

/// Takes the components off an encoded key, one after the other.
class key_parser {
public:
  /// `key` with the table's id in front.
  explicit key_parser(key_view key) noexcept : rest_{key} { (void)number(); }

  std::uint64_t number() noexcept;
  std::string text();

  /// Whether every component was there, and nothing else.
  bool complete() const noexcept { return !broken_ && rest_.empty(); }
  key_view rest() const noexcept { return rest_; }

private:
  key_view rest_;
  bool broken_ = false;
};

/// The first key that is greater than all that begin with `prefix`; empty: there is none.
std::string key_after_prefix(key_view prefix);

inline std::string_view as_text(key_view key) noexcept {
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}
inline key_view as_key(std::string_view text) noexcept {
  return std::as_bytes(std::span{text.data(), text.size()});
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo): what a table's name becomes in the keys of its rows.
constexpr std::uint64_t name_hash(std::string_view name,
                                  std::uint64_t from = 0xcbf29ce484222325) noexcept {
  for (const char c : name)
    from = (from ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return from;
}

template <class T>
concept key_number = std::integral<T> || std::is_enum_v<T>;

template <key_number T>
constexpr std::uint64_t ordered_number(T value) noexcept {
  if constexpr (std::is_enum_v<T>)
    return ordered_number(static_cast<std::underlying_type_t<T>>(value));
  else if constexpr (std::is_signed_v<T>)
    return static_cast<std::uint64_t>(std::int64_t{value}) ^ (std::uint64_t{1} << 63);
  else
    return std::uint64_t{value};
}

template <key_number T>
constexpr T number_from(std::uint64_t ordered) noexcept {
  if constexpr (std::is_enum_v<T>)
    return static_cast<T>(number_from<std::underlying_type_t<T>>(ordered));
  else if constexpr (std::is_signed_v<T>)
    return static_cast<T>(static_cast<std::int64_t>(ordered ^ (std::uint64_t{1} << 63)));
  else
    return static_cast<T>(ordered);
}

/// How a type of key is encoded, what look-ups take for it (`argument`: text as a view), and its
/// `shape`, which tells whether rows on disk have keys of this kind.
template <class Key>
struct key_codec;

template <key_number Key>
struct key_codec<Key> {
  using argument = Key;
  static void encode(encoded_key& to, Key key) noexcept { to.add(ordered_number(key)); }
  static Key decode(key_parser& from) noexcept { return number_from<Key>(from.number()); }
  static void shape(std::string& to) {
    bool is_signed = false;
    if constexpr (std::is_enum_v<Key>)
      is_signed = std::is_signed_v<std::underlying_type_t<Key>>;
    else
      is_signed = std::is_signed_v<Key>;
    to += is_signed ? 'i' : 'u';
  }
};

template <>
struct key_codec<std::string> {
  using argument = std::string_view;
  static void encode(encoded_key& to, std::string_view key) noexcept { to.add(key); }
  static std::string decode(key_parser& from) { return from.text(); }
  static void shape(std::string& to) { to += 't'; }
};

template <class... Parts>
struct key_codec<std::tuple<Parts...>> {
  using argument = std::tuple<typename key_codec<Parts>::argument...>;
  static void encode(encoded_key& to, const argument& key) noexcept {
    encode_parts(to, key, std::index_sequence_for<Parts...>{});
  }
  static std::tuple<Parts...> decode(key_parser& from) {
    return std::tuple<Parts...>{key_codec<Parts>::decode(from)...}; // braces: left to right
  }
  static void shape(std::string& to) { (key_codec<Parts>::shape(to), ...); }

private:
  template <std::size_t... Is>
  static void encode_parts(encoded_key& to, const argument& key,
                           std::index_sequence<Is...>) noexcept {
    (key_codec<Parts>::encode(to, std::get<Is>(key)), ...);
  }
};

} // namespace cairn::detail

namespace cairn {

/// What can be a key: an integer, an enumeration, `std::string`, or a `std::tuple` of these.
template <class T>
concept table_key = requires(detail::encoded_key& to, detail::key_parser& from,
                             const typename detail::key_codec<T>::argument& key) {
  detail::key_codec<T>::encode(to, key);
  { detail::key_codec<T>::decode(from) } -> std::same_as<T>;
};

/// A key as look-ups take it: as it is, but text as a `std::string_view`.
template <table_key Key>
using key_argument = typename detail::key_codec<Key>::argument;

} // namespace cairn
