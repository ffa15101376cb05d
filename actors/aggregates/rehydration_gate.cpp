#include "aggregates/rehydration_gate.hpp"

#include "aggregates/activation.hpp"

namespace cairn::detail {

rehydration_gate::rehydration_gate(std::size_t permits) : permits_{permits} {}
rehydration_gate::~rehydration_gate() = default;

bool rehydration_gate::enter(activation& who) {
  const std::lock_guard lock{mutex_};
  if (permits_ > 0) {
    --permits_;
    return true;
  }
  waiting_.push_back(intrusive_ptr<activation>::share(&who));
  return false;
}

void rehydration_gate::leave() {
  intrusive_ptr<activation> next;
  {
    const std::lock_guard lock{mutex_};
    if (waiting_.empty()) {
      ++permits_;
      return;
    }
    next = std::move(waiting_.front());
    waiting_.pop_front();
  }
  next->grant_rehydration();
}

std::size_t rehydration_gate::waiting() const {
  const std::lock_guard lock{mutex_};
  return waiting_.size();
}

} // namespace cairn::detail
