#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace cairn::detail {

/// Lets those in who use something that will be closed, and then nobody. Any thread.
class door {
public:
  /// Whoever got in must `leave`. false: it is shut.
  bool enter() noexcept {
    const std::lock_guard lock{mutex_};
    inside_ += shut_ ? 0 : 1;
    return !shut_;
  }
  void leave() noexcept {
    const std::lock_guard lock{mutex_};
    if (--inside_ == 0 && shut_)
      empty_.notify_all();
  }

  /// From now on nobody gets in. Does not wait for those who are inside.
  void shut() noexcept {
    const std::lock_guard lock{mutex_};
    shut_ = true;
  }
  void wait_until_empty() {
    std::unique_lock lock{mutex_};
    empty_.wait(lock, [this] { return inside_ == 0; });
  }

  /// A stay inside.
  class visit {
  public:
    explicit visit(door& through) noexcept : door_{through.enter() ? &through : nullptr} {}
    ~visit() {
      if (door_)
        door_->leave();
    }
    visit(const visit&) = delete;
    visit& operator=(const visit&) = delete;
    /// Whether it got in.
    explicit operator bool() const noexcept { return door_ != nullptr; }

  private:
    door* door_;
  };

private:
  std::mutex mutex_;
  std::condition_variable empty_;
  std::size_t inside_ = 0;
  bool shut_ = false;
};

} // namespace cairn::detail
