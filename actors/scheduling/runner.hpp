#pragma once

#include <cairn/detail/intrusive_ptr.hpp>

namespace cairn::detail {

/// What is run once for each wake-up, one call at a time. An `executor` calls `run`, or a worker of
/// a `run_queue`.
class runner : public ref_counted {
public:
  /// Does what there is to do. False: it is over, and is not called again.
  virtual bool run() noexcept = 0;
};

} // namespace cairn::detail
