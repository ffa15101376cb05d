#pragma once

#include <cairn/detail/intrusive_ptr.hpp>

#include <cstddef>
#include <deque>
#include <mutex>

namespace cairn::detail {

class activation;

/// Lets so many activations load at a time: a rehydration storm must not take every thread from the
/// aggregates that are awake already. Those that wait do so in the order of their coming, holding
/// no thread.
class rehydration_gate {
public:
  explicit rehydration_gate(std::size_t permits);

  ~rehydration_gate();

  /// True: `who` may load now, and calls `leave` afterwards. False: it is woken, with a permit,
  /// when its turn comes.
  bool enter(activation& who);
  void leave();

  std::size_t waiting() const;

private:
  mutable std::mutex mutex_;
  std::deque<intrusive_ptr<activation>> waiting_;
  std::size_t permits_;
};

} // namespace cairn::detail
