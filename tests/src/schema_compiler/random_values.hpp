#pragma once

#include "catalogue.cairn.hpp"

#include <rapidcheck.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

// Any value that a field can have: numbers of the whole range, enums without an enumerator too,
// short lists. Fields are picked one after another, and only the picks of scalars are generators of
// rapidcheck's: one for each kind of list or struct would take a minute to compile.

template <class T>
T pick();

template <class Struct, auto... Fields>
Struct pick_struct() {
  Struct made;
  ((made.*Fields = pick<std::remove_cvref_t<decltype(made.*Fields)>>()), ...);
  return made;
}

template <class List>
List pick_list() {
  List made(*rc::gen::inRange<std::size_t>(0, 5));
  for (std::size_t i = 0; i < made.size(); ++i) // of bools, too, which have no references
    made[i] = pick<typename List::value_type>();
  return made;
}

template <class T>
constexpr bool is_list = false;
template <class T>
constexpr bool is_list<std::vector<T>> = true;

template <class T>
T pick() {
  if constexpr (is_list<T>)
    return pick_list<T>();
  else if constexpr (std::is_enum_v<T> && !std::is_same_v<T, std::byte>)
    return static_cast<T>(*rc::gen::oneOf(rc::gen::inRange<std::uint16_t>(0, 4),
                                          rc::gen::arbitrary<std::uint16_t>()));
  else if constexpr (std::is_same_v<T, std::byte>)
    return std::byte{*rc::gen::arbitrary<unsigned char>()};
  else
    return *rc::gen::resize(rc::kNominalSize, rc::gen::arbitrary<T>());
}

template <>
inline std::monostate pick() {
  return {};
}

template <>
inline catalogue::v1::empty pick() {
  return {};
}

template <>
inline catalogue::v1::point pick() {
  using point = catalogue::v1::point;
  return pick_struct<point, &point::x, &point::y>();
}

template <>
inline money::price pick() {
  using price = money::price;
  return pick_struct<price, &price::cents, &price::currency>();
}

template <>
inline catalogue::v1::stock pick() {
  using stock = catalogue::v1::stock;
  return pick_struct<stock, &stock::count, &stock::value>();
}

template <>
inline catalogue::v1::scalars pick() {
  using of = catalogue::v1::scalars;
  return pick_struct<of, &of::yes, &of::no, &of::int8, &of::int16, &of::int32, &of::int64,
                     &of::uint8, &of::uint16, &of::uint32, &of::uint64, &of::float32, &of::float64,
                     &of::endless, &of::undefined, &of::colour, &of::plain_colour,
                     &of::plain_float>();
}

template <>
inline catalogue::v1::pointers pick() {
  using of = catalogue::v1::pointers;
  return pick_struct<of, &of::text, &of::text_with_default, &of::data, &of::data_with_default,
                     &of::point, &of::point_with_default, &of::price, &of::stock, &of::nothing>();
}

template <>
inline catalogue::v1::lists pick() {
  using of = catalogue::v1::lists;
  return pick_struct<of, &of::voids, &of::bools, &of::int8s, &of::int16s, &of::int32s, &of::int64s,
                     &of::uint8s, &of::uint16s, &of::uint32s, &of::uint64s, &of::float32s,
                     &of::float64s, &of::texts, &of::datas, &of::colours, &of::points, &of::grid,
                     &of::cube, &of::paths, &of::prices, &of::bool_rows, &of::empties>();
}

template <>
inline catalogue::v1::list_defaults_nested_row pick() {
  using of = catalogue::v1::list_defaults_nested_row;
  return pick_struct<of, &of::label>();
}

template <>
inline catalogue::v1::list_defaults_nested pick() {
  using of = catalogue::v1::list_defaults_nested;
  return pick_struct<of, &of::rows>();
}

template <>
inline catalogue::v1::list_defaults pick() {
  using of = catalogue::v1::list_defaults;
  return pick_struct<of, &of::bools, &of::int64s, &of::float32s, &of::texts, &of::datas,
                     &of::colours, &of::points, &of::grid, &of::nested, &of::one_text>();
}

template <>
inline catalogue::v1::everything pick() {
  using of = catalogue::v1::everything;
  return pick_struct<of, &of::scalars, &of::pointers, &of::lists, &of::defaults>();
}
