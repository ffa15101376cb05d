#pragma once

#include <cairn/detail/nested.hpp>
#include <cairn/schema.hpp>

#include <capnp/blob.h>
#include <capnp/list.h>

#include <algorithm>
#include <climits>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

/// What the code that `capnpc-cairn` generates is made of. Not for use by hand.
///
/// A field's C++ type decides alone how it is written, read, measured and printed, because every
/// Cap'n Proto type has a C++ type of its own: Text is `std::string`, Data is
/// `std::vector<std::byte>`, any other list is a `std::vector` of something else, Void is
/// `std::monostate`.
namespace cairn::detail {

using bytes = std::vector<std::byte>;

template <class T>
concept plain = std::is_arithmetic_v<T> || std::is_enum_v<T> || std::same_as<T, std::monostate>;

// -- value -> wire

inline capnp::Text::Reader text(const std::string& value) noexcept {
  return {value.data(), value.size()};
}

inline capnp::Data::Reader data(const bytes& value) noexcept {
  return {reinterpret_cast<const kj::byte*>(value.data()), value.size()};
}

/// Cap'n Proto counts elements in 32 bits and throws where there are more than 2^29; a size that
/// does not even fit becomes one that it refuses.
constexpr unsigned list_size(std::size_t size) noexcept {
  return static_cast<unsigned>(std::min<std::size_t>(size, UINT_MAX));
}

template <class T, class ListBuilder>
void write_list(const std::vector<T>& values, ListBuilder to) {
  if constexpr (!std::same_as<T, std::monostate>) {
    for (unsigned i = 0; i < to.size(); ++i) {
      if constexpr (std::same_as<T, std::string>)
        to.set(i, text(values[i]));
      else if constexpr (std::same_as<T, bytes>)
        to.set(i, data(values[i]));
      else if constexpr (is_vector<T>)
        write_list(values[i], to.init(i, list_size(values[i].size())));
      else if constexpr (std::is_enum_v<T>)
        to.set(i, static_cast<std::remove_cvref_t<decltype(to[i])>>(values[i]));
      else if constexpr (std::is_arithmetic_v<T>)
        to.set(i, values[i]);
      else
        schema_of<T>::write(values[i], to[i]);
    }
  }
}

// -- wire -> value

template <class T, class Wire>
T read_as(Wire from) {
  if constexpr (std::same_as<T, std::monostate>) {
    return {};
  } else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
    return static_cast<T>(from);
  } else if constexpr (std::same_as<T, std::string>) {
    return std::string(from.begin(), from.size());
  } else if constexpr (std::same_as<T, bytes>) {
    bytes value(from.size());
    if (from.size() > 0) // memcpy takes no null pointer, not even for nothing.
      std::memcpy(value.data(), from.begin(), from.size());
    return value;
  } else if constexpr (is_vector<T>) {
    T values;
    values.reserve(from.size());
    for (unsigned i = 0; i < from.size(); ++i)
      values.push_back(read_as<typename T::value_type>(from[i]));
    return values;
  } else {
    return schema_of<T>::read(from);
  }
}

// -- memory

template <class T>
std::size_t heap_bytes_of(const T& value, int levels = measured_levels) noexcept {
  if constexpr (plain<T> || std::same_as<T, std::byte>) {
    return 0;
  } else if constexpr (std::same_as<T, std::string>) {
    // Up to the capacity of an empty string the characters lie in the string itself.
    return value.capacity() > std::string{}.capacity() ? value.capacity() + 1 : 0;
  } else if constexpr (std::same_as<T, std::vector<bool>>) {
    return value.capacity() / CHAR_BIT;
  } else if constexpr (is_vector<T>) {
    std::size_t sum = value.capacity() * sizeof(typename T::value_type);
    if constexpr (!plain<typename T::value_type> && !std::same_as<T, bytes>)
      for (const auto& element : value)
        sum += heap_bytes_of(element, levels);
    return sum;
  } else if constexpr (endless<T>) {
    return schema_of<T>::heap_bytes(value, levels);
  } else {
    return schema_of<T>::heap_bytes(value);
  }
}

// -- nesting

/// Counts the levels that a recursion has come down to in this thread.
template <class Recursion>
class nested_level {
public:
  nested_level() noexcept { ++depth_; }
  ~nested_level() { --depth_; }
  nested_level(const nested_level&) = delete;
  nested_level& operator=(const nested_level&) = delete;

protected:
  static inline thread_local int depth_ = 0;
};

/// So many structs in structs may be written.
inline constexpr int max_written_structs = 65;

/// A struct that is being written. A message is nowhere read beyond 65 levels, of which a struct in
/// a list takes two.
class nested_write : nested_level<nested_write> {
public:
  /// Throws `nests_too_deep`.
  nested_write() {
    if (depth_ > max_written_structs)
      throw nests_too_deep{};
  }
};

/// A struct that is being printed.
class nested_print : nested_level<nested_print> {
public:
  bool too_deep() const noexcept { return depth_ > measured_levels; }
};

// -- printing

void print_text(std::ostream& out, std::string_view value);
void print_bytes(std::ostream& out, const bytes& value);
void print_number(std::ostream& out, std::int64_t value);
void print_number(std::ostream& out, std::uint64_t value);
void print_number(std::ostream& out, float value);
void print_number(std::ostream& out, double value);

/// Independent of the stream's locale and format flags.
template <class T>
void print(std::ostream& out, const T& value) {
  if constexpr (std::same_as<T, std::monostate>) {
    out << "void";
  } else if constexpr (std::same_as<T, bool>) {
    out << (value ? "true" : "false");
  } else if constexpr (std::floating_point<T>) {
    print_number(out, value);
  } else if constexpr (std::signed_integral<T>) {
    print_number(out, std::int64_t{value});
  } else if constexpr (std::unsigned_integral<T>) {
    print_number(out, std::uint64_t{value});
  } else if constexpr (std::same_as<T, std::string>) {
    print_text(out, value);
  } else if constexpr (std::same_as<T, bytes>) {
    print_bytes(out, value);
  } else if constexpr (is_vector<T>) {
    out << '[';
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (i > 0)
        out << ", ";
      print<typename T::value_type>(out, value[i]);
    }
    out << ']';
  } else {
    out << value;
  }
}

} // namespace cairn::detail
