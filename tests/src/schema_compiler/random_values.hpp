#pragma once

#include "catalogue.cairn.hpp"

#include <rapidcheck.h>

#include <type_traits>
#include <vector>

/// A generator of any value that a field can have: numbers of the whole range, short lists.
template <class T>
rc::Gen<T> any();

namespace rc {

template <>
struct Arbitrary<std::monostate> {
  static Gen<std::monostate> arbitrary() { return gen::just(std::monostate{}); }
};

template <>
struct Arbitrary<std::byte> {
  static Gen<std::byte> arbitrary() {
    return gen::map(gen::arbitrary<unsigned char>(), [](unsigned char c) { return std::byte{c}; });
  }
};

/// Numbers without an enumerator too.
template <class Enum>
  requires std::is_enum_v<Enum>
struct Arbitrary<Enum> {
  static Gen<Enum> arbitrary() {
    return gen::map(gen::oneOf(gen::inRange<std::uint16_t>(0, 4), gen::arbitrary<std::uint16_t>()),
                    [](std::uint16_t number) { return static_cast<Enum>(number); });
  }
};

#define CAIRN_TEST_FIELD(Struct, field) gen::set(&Struct::field, any<decltype(Struct::field)>())

template <>
struct Arbitrary<catalogue::v1::point> {
  using value = catalogue::v1::point;
  static Gen<value> arbitrary() {
    return gen::build<value>(CAIRN_TEST_FIELD(value, x), CAIRN_TEST_FIELD(value, y));
  }
};

template <>
struct Arbitrary<catalogue::v1::empty> {
  static Gen<catalogue::v1::empty> arbitrary() { return gen::just(catalogue::v1::empty{}); }
};

template <>
struct Arbitrary<money::price> {
  using value = money::price;
  static Gen<value> arbitrary() {
    return gen::build<value>(CAIRN_TEST_FIELD(value, cents), CAIRN_TEST_FIELD(value, currency));
  }
};

template <>
struct Arbitrary<catalogue::v1::stock> {
  using member = catalogue::v1::stock;
  static Gen<member> arbitrary() {
    return gen::build<member>(CAIRN_TEST_FIELD(member, count), CAIRN_TEST_FIELD(member, value));
  }
};

template <>
struct Arbitrary<catalogue::v1::scalars> {
  using value = catalogue::v1::scalars;
  static Gen<value> arbitrary() {
    return gen::build<value>(CAIRN_TEST_FIELD(value, yes), CAIRN_TEST_FIELD(value, no),
                             CAIRN_TEST_FIELD(value, int8), CAIRN_TEST_FIELD(value, int16),
                             CAIRN_TEST_FIELD(value, int32), CAIRN_TEST_FIELD(value, int64),
                             CAIRN_TEST_FIELD(value, uint8), CAIRN_TEST_FIELD(value, uint16),
                             CAIRN_TEST_FIELD(value, uint32), CAIRN_TEST_FIELD(value, uint64),
                             CAIRN_TEST_FIELD(value, float32), CAIRN_TEST_FIELD(value, float64),
                             CAIRN_TEST_FIELD(value, endless), CAIRN_TEST_FIELD(value, undefined),
                             CAIRN_TEST_FIELD(value, colour), CAIRN_TEST_FIELD(value, plain_colour),
                             CAIRN_TEST_FIELD(value, plain_float));
  }
};

template <>
struct Arbitrary<catalogue::v1::pointers> {
  using value = catalogue::v1::pointers;
  static Gen<value> arbitrary() {
    return gen::build<value>(
        CAIRN_TEST_FIELD(value, text), CAIRN_TEST_FIELD(value, text_with_default),
        CAIRN_TEST_FIELD(value, data), CAIRN_TEST_FIELD(value, data_with_default),
        CAIRN_TEST_FIELD(value, point), CAIRN_TEST_FIELD(value, point_with_default),
        CAIRN_TEST_FIELD(value, price), CAIRN_TEST_FIELD(value, stock),
        CAIRN_TEST_FIELD(value, nothing));
  }
};

template <>
struct Arbitrary<catalogue::v1::lists> {
  using value = catalogue::v1::lists;
  static Gen<value> arbitrary() {
    return gen::build<value>(CAIRN_TEST_FIELD(value, voids), CAIRN_TEST_FIELD(value, bools),
                             CAIRN_TEST_FIELD(value, int8s), CAIRN_TEST_FIELD(value, int16s),
                             CAIRN_TEST_FIELD(value, int32s), CAIRN_TEST_FIELD(value, int64s),
                             CAIRN_TEST_FIELD(value, uint8s), CAIRN_TEST_FIELD(value, uint16s),
                             CAIRN_TEST_FIELD(value, uint32s), CAIRN_TEST_FIELD(value, uint64s),
                             CAIRN_TEST_FIELD(value, float32s), CAIRN_TEST_FIELD(value, float64s),
                             CAIRN_TEST_FIELD(value, texts), CAIRN_TEST_FIELD(value, datas),
                             CAIRN_TEST_FIELD(value, colours), CAIRN_TEST_FIELD(value, points),
                             CAIRN_TEST_FIELD(value, grid), CAIRN_TEST_FIELD(value, cube),
                             CAIRN_TEST_FIELD(value, paths), CAIRN_TEST_FIELD(value, prices),
                             CAIRN_TEST_FIELD(value, bool_rows), CAIRN_TEST_FIELD(value, empties));
  }
};

template <>
struct Arbitrary<catalogue::v1::list_defaults_nested_row> {
  using value = catalogue::v1::list_defaults_nested_row;
  static Gen<value> arbitrary() { return gen::build<value>(CAIRN_TEST_FIELD(value, label)); }
};

template <>
struct Arbitrary<catalogue::v1::list_defaults_nested> {
  using value = catalogue::v1::list_defaults_nested;
  static Gen<value> arbitrary() { return gen::build<value>(CAIRN_TEST_FIELD(value, rows)); }
};

template <>
struct Arbitrary<catalogue::v1::list_defaults> {
  using value = catalogue::v1::list_defaults;
  static Gen<value> arbitrary() {
    return gen::build<value>(CAIRN_TEST_FIELD(value, bools), CAIRN_TEST_FIELD(value, int64s),
                             CAIRN_TEST_FIELD(value, float32s), CAIRN_TEST_FIELD(value, texts),
                             CAIRN_TEST_FIELD(value, datas), CAIRN_TEST_FIELD(value, colours),
                             CAIRN_TEST_FIELD(value, points), CAIRN_TEST_FIELD(value, grid),
                             CAIRN_TEST_FIELD(value, nested), CAIRN_TEST_FIELD(value, one_text));
  }
};

template <>
struct Arbitrary<catalogue::v1::everything> {
  using value = catalogue::v1::everything;
  static Gen<value> arbitrary() {
    return gen::build<value>(CAIRN_TEST_FIELD(value, scalars), CAIRN_TEST_FIELD(value, pointers),
                             CAIRN_TEST_FIELD(value, lists), CAIRN_TEST_FIELD(value, defaults));
  }
};

#undef CAIRN_TEST_FIELD

} // namespace rc

namespace detail {

template <class T>
struct element {
  using type = void;
};

template <class T>
struct element<std::vector<T>> {
  using type = T;
};

} // namespace detail

template <class T>
rc::Gen<T> any() {
  using element = typename detail::element<T>::type;
  if constexpr (std::is_void_v<element>)
    return rc::gen::arbitrary<T>();
  else // The size limits a list's length and a number's range; only the length is to be small.
    return rc::gen::resize(
        5, rc::gen::container<T>(rc::gen::resize(rc::kNominalSize, any<element>())));
}
