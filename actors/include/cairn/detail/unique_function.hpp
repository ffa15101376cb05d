#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace cairn::detail {

template <class Signature>
class unique_function;

/// A callable that is moved, not copied, and called at most once per state:
/// `std::move_only_function` of C++23, as far as continuations need it. Callables of up to six
/// words are kept in place.
template <class Result, class... Args>
class unique_function<Result(Args...)> {
public:
  unique_function() noexcept = default;

  template <class Callable>
    requires(
        !std::is_same_v<
            std::remove_cvref_t<Callable>,
            unique_function> && std::is_invocable_r_v<Result, std::decay_t<Callable>&, Args...>)
  unique_function(Callable&& callable) {
    using stored = std::decay_t<Callable>;
    if constexpr (fits<stored>) {
      ::new (static_cast<void*>(space_)) stored(std::forward<Callable>(callable));
      table_ = &in_place<stored>;
    } else {
      ::new (static_cast<void*>(space_)) stored*(new stored(std::forward<Callable>(callable)));
      table_ = &on_heap<stored>;
    }
  }

  unique_function(unique_function&& other) noexcept { take(other); }
  unique_function& operator=(unique_function&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  ~unique_function() { reset(); }

  explicit operator bool() const noexcept { return table_ != nullptr; }

  Result operator()(Args... args) { return table_->call(space_, std::forward<Args>(args)...); }

private:
  struct functions {
    Result (*call)(void* space, Args... args);
    void (*move)(void* from, void* to) noexcept; // leaves `from` empty
    void (*destroy)(void* space) noexcept;
  };

  static constexpr std::size_t space_bytes = 6 * sizeof(void*);

  template <class Stored>
  static constexpr bool fits = sizeof(Stored) <= space_bytes
                               && alignof(Stored) <= alignof(std::max_align_t)
                               && std::is_nothrow_move_constructible_v<Stored>;

  template <class Stored>
  static constexpr functions in_place{
      [](void* space, Args... args) -> Result {
        return (*std::launder(static_cast<Stored*>(space)))(std::forward<Args>(args)...);
      },
      [](void* from, void* to) noexcept {
        auto* stored = std::launder(static_cast<Stored*>(from));
        ::new (to) Stored(std::move(*stored));
        std::destroy_at(stored);
      },
      [](void* space) noexcept { std::destroy_at(std::launder(static_cast<Stored*>(space))); }};

  template <class Stored>
  static constexpr functions on_heap{
      [](void* space, Args... args) -> Result {
        return (**std::launder(static_cast<Stored**>(space)))(std::forward<Args>(args)...);
      },
      [](void* from, void* to) noexcept {
        ::new (to) Stored*(*std::launder(static_cast<Stored**>(from)));
      },
      [](void* space) noexcept { delete *std::launder(static_cast<Stored**>(space)); }};

  void take(unique_function& other) noexcept {
    if (other.table_) {
      other.table_->move(other.space_, space_);
      table_ = std::exchange(other.table_, nullptr);
    }
  }

  void reset() noexcept {
    if (table_)
      std::exchange(table_, nullptr)->destroy(space_);
  }

  alignas(std::max_align_t) std::byte space_[space_bytes];
  const functions* table_ = nullptr;
};

} // namespace cairn::detail
