#pragma once

#include <cairn/schema.hpp>

#include <memory>
#include <utility>
#include <vector>

/// Values whose type does not bound how deep they nest.
namespace cairn::detail {

template <class T>
inline constexpr bool is_vector = false;

template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;

/// A generated struct that may hold its like, in lists, so that its type does not bound how deep a
/// value nests.
template <class T>
concept endless = endless_value<T>;

template <class T>
inline constexpr bool may_nest = endless<T>;
template <class T>
inline constexpr bool may_nest<std::vector<T>> = may_nest<T>;

/// The levels of structs in structs that are measured; what lies deeper does not count.
inline constexpr int measured_levels = 256;

/// Whether a value nests at most so deep, as Cap'n Proto counts: a struct, a list and a text are a
/// level each. Looks no deeper than that. A value whose type bounds its nesting is not looked at.
template <class T>
bool value_nests_within(const T& value, int levels) noexcept {
  if constexpr (endless<T>) {
    return schema_of<T>::nests_within(value, levels);
  } else if constexpr (is_vector<T>) {
    if constexpr (may_nest<typename T::value_type>) {
      if (levels < 1)
        return value.empty();
      for (const auto& element : value)
        if (!value_nests_within(element, levels - 1))
          return false;
    }
    return true;
  } else {
    return true;
  }
}

/// Lists that were taken out of a value, so that it can be destroyed level by level: the destructor
/// of a deep value would call itself for each level.
class unnested {
public:
  unnested() = default;
  unnested(const unnested&) = delete;
  unnested& operator=(const unnested&) = delete;
  ~unnested() { destroy(); }

  template <class T>
  void take(T& value) {
    if constexpr (endless<T>)
      schema_of<T>::unnest(value, *this);
    else if constexpr (is_vector<T>)
      if constexpr (may_nest<typename T::value_type>)
        if (!value.empty())
          waiting_.push_back(std::make_unique<list_of<T>>(std::move(value)));
  }

private:
  struct list {
    virtual ~list() = default;
    virtual void unnest(unnested& into) = 0;
  };
  template <class T>
  struct list_of final : list {
    explicit list_of(T taken) : elements{std::move(taken)} {}
    void unnest(unnested& into) override {
      for (auto& element : elements)
        into.take(element);
    }
    T elements;
  };

  void destroy() {
    while (!waiting_.empty()) {
      const auto next = std::move(waiting_.back());
      waiting_.pop_back();
      next->unnest(*this);
    }
  }

  std::vector<std::unique_ptr<list>> waiting_;
};

/// Empties a value that nests deep, so that destroying it does not recurse without a bound. For a
/// type that bounds its nesting it does nothing, and costs nothing.
template <class T>
void destroy_level_by_level(T& value) noexcept {
  if constexpr (endless<T>) {
    if (!value_nests_within(value, measured_levels)) {
      unnested into;
      into.take(value);
    }
  }
}

} // namespace cairn::detail
