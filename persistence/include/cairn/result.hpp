#pragma once

#include <cairn/error.hpp>

#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace cairn {

/// A value, or the `error` that says why there is none.
///
/// C++20 has no `std::expected`; this is the part of it that Cairn's interfaces need, with the same
/// names, so that a program can move to the standard type when it moves to C++23. Reading the value
/// of a failed result is a bug in the caller and stops the program with the error's text
/// (`CAIRN_ASSERT`): it never reads garbage. A result that is about to go gives its value away, so
/// that nothing refers into it, and the compiler warns if a value that must be kept is dropped:
/// `carts.subscribe(handler).value();` would end the subscription at once.
template <class T>
class [[nodiscard]] result {
public:
  using value_type = T;

  result(T value) : content_{std::in_place_index<0>, std::move(value)} {}
  result(cairn::error failure) : content_{std::in_place_index<1>, std::move(failure)} {}

  bool has_value() const noexcept { return content_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  T& value() & { return check(), std::get<0>(content_); }
  const T& value() const& { return check(), std::get<0>(content_); }
  T value() && { return check(), std::get<0>(std::move(content_)); }

  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  template <class U>
  T value_or(U&& fallback) const& {
    return has_value() ? std::get<0>(content_) : static_cast<T>(std::forward<U>(fallback));
  }

  /// The error of a failed result; asking a successful one is a bug and stops the program.
  const cairn::error& error() const& {
    detail::check(!has_value(), "result::error() of a result that holds a value");
    return std::get<1>(content_);
  }
  cairn::error&& error() && {
    detail::check(!has_value(), "result::error() of a result that holds a value");
    return std::get<1>(std::move(content_));
  }

private:
  void check() const {
    if (!has_value())
      detail::fail_value_access(std::get<1>(content_));
  }

  std::variant<T, cairn::error> content_;
};

/// Success without a value, or the `error`.
template <>
class [[nodiscard]] result<void> {
public:
  using value_type = void;

  result() noexcept = default;
  result(cairn::error failure) : failure_{std::move(failure)} {}

  bool has_value() const noexcept { return !failure_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }

  void value() const {
    if (failure_)
      detail::fail_value_access(*failure_);
  }

  const cairn::error& error() const& {
    detail::check(failure_.has_value(), "result::error() of a result that holds a value");
    return *failure_;
  }
  cairn::error&& error() && {
    detail::check(failure_.has_value(), "result::error() of a result that holds a value");
    return std::move(*failure_);
  }

private:
  std::optional<cairn::error> failure_;
};

} // namespace cairn
