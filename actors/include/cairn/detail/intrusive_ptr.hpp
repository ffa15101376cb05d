#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace cairn::detail {

/// Base of objects that count their owners. The count starts at one, owned by the maker of the
/// object.
class ref_counted {
public:
  ref_counted() noexcept = default;
  ref_counted(const ref_counted&) = delete;
  ref_counted& operator=(const ref_counted&) = delete;

  void ref() const noexcept { count_.fetch_add(1, std::memory_order_relaxed); }
  void deref() const noexcept {
    if (count_.fetch_sub(1, std::memory_order_acq_rel) == 1)
      delete this;
  }

protected:
  virtual ~ref_counted() = default;

private:
  mutable std::atomic<std::uint32_t> count_{1};
};

/// Owns one count of a `ref_counted`. `std::shared_ptr` would cost each command a second allocation
/// or a wider pointer in every queue; a command has exactly one object.
template <class T>
class intrusive_ptr {
public:
  intrusive_ptr() noexcept = default;
  intrusive_ptr(std::nullptr_t) noexcept {}
  intrusive_ptr(const intrusive_ptr& other) noexcept : object_{other.object_} {
    if (object_)
      object_->ref();
  }
  intrusive_ptr(intrusive_ptr&& other) noexcept : object_{other.release()} {}
  template <class U>
    requires std::is_convertible_v<U*, T*> intrusive_ptr(intrusive_ptr<U> other)
  noexcept : object_{other.release()} {}
  ~intrusive_ptr() {
    if (object_)
      object_->deref();
  }
  intrusive_ptr& operator=(intrusive_ptr other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }

  /// Takes over a count that the caller owns.
  static intrusive_ptr adopt(T* object) noexcept {
    intrusive_ptr result;
    result.object_ = object;
    return result;
  }
  /// Adds a count of its own.
  static intrusive_ptr share(T* object) noexcept {
    object->ref();
    return adopt(object);
  }

  T* get() const noexcept { return object_; }
  T* operator->() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  bool operator==(const intrusive_ptr& other) const noexcept { return object_ == other.object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }

  /// Gives the count to the caller.
  T* release() noexcept { return std::exchange(object_, nullptr); }

private:
  T* object_ = nullptr;
};

template <class T, class... Args>
intrusive_ptr<T> make_intrusive(Args&&... args) {
  return intrusive_ptr<T>::adopt(new T(std::forward<Args>(args)...));
}

} // namespace cairn::detail
