#pragma once

#include <cairn/detail/intrusive_ptr.hpp>

namespace cairn::detail {

/// What an actor of Cairn runs: the mechanism without CAF. Its actor calls `run` once for each
/// wake-up, one call at a time. See `caf_seam.hpp` for the actor.
class runner : public ref_counted {
public:
  /// Does what there is to do. False: it is over, the actor ends.
  virtual bool run() noexcept = 0;
};

} // namespace cairn::detail
