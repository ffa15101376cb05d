#pragma once

#include <cairn/result.hpp>

namespace cairn {
struct caf_delivery_options;
}

namespace numbers {

template <class Options>
struct use;

template <>
struct use<cairn::caf_delivery_options> {
  static cairn::caf_delivery_options usual();
  static cairn::result<void> run(const cairn::caf_delivery_options& options);
};

} // namespace numbers
