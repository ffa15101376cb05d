#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace cairn::detail {

/// Guards something that will be closed while others use it: it admits callers until it is closed,
/// and closing can then wait until the last of them has left. Any thread.
class gate {
public:
  /// Returns whether the caller was admitted; if so, it must `leave`.
  bool enter() noexcept {
    const std::lock_guard lock{mutex_};
    inside_ += closed_ ? 0 : 1;
    return !closed_;
  }
  void leave() noexcept {
    const std::lock_guard lock{mutex_};
    if (--inside_ == 0 && closed_)
      empty_.notify_all();
  }

  /// Admits nobody from now on. Does not wait for those who are inside.
  void close() noexcept {
    const std::lock_guard lock{mutex_};
    closed_ = true;
  }
  void wait_until_empty() {
    std::unique_lock lock{mutex_};
    empty_.wait(lock, [this] { return inside_ == 0; });
  }

  /// Enters for its own lifetime.
  class holder {
  public:
    explicit holder(gate& entered) noexcept : gate_{entered.enter() ? &entered : nullptr} {}
    ~holder() {
      if (gate_)
        gate_->leave();
    }
    holder(const holder&) = delete;
    holder& operator=(const holder&) = delete;
    /// Whether it was admitted.
    explicit operator bool() const noexcept { return gate_ != nullptr; }

  private:
    gate* gate_;
  };

private:
  std::mutex mutex_;
  std::condition_variable empty_;
  std::size_t inside_ = 0;
  bool closed_ = false;
};

} // namespace cairn::detail
