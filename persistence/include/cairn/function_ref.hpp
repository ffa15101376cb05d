#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace cairn {

template <class Signature>
class function_ref;

/// Borrows a callable for the length of a call: no allocation, one indirect jump. It must not
/// outlive what it was made from; use it for parameters only.
template <class Result, class... Args>
class function_ref<Result(Args...)> {
public:
  template <class Callable>
    requires(!std::is_same_v<std::remove_cvref_t<Callable>,
                             function_ref> && std::is_invocable_r_v<Result, Callable&, Args...>)
  function_ref(Callable&& callable)
  noexcept
    : object_{const_cast<void*>(static_cast<const void*>(std::addressof(callable)))},
      call_{[](void* object, Args... args) -> Result {
        return (*static_cast<std::remove_reference_t<Callable>*>(object))(
            std::forward<Args>(args)...);
      }} {}

  Result operator()(Args... args) const { return call_(object_, std::forward<Args>(args)...); }

private:
  void* object_;
  Result (*call_)(void*, Args...);
};

} // namespace cairn
