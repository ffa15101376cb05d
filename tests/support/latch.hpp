#pragma once

#include <condition_variable>
#include <mutex>

namespace test {

/// Lets nobody pass while it is shut.
class latch {
public:
  void shut() { set(false); }
  void open() { set(true); }
  void pass() {
    std::unique_lock lock{mutex_};
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
    --waiting_;
  }
  void wait_for_arrival() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return waiting_ > 0; });
  }

private:
  void set(bool open) {
    const std::lock_guard lock{mutex_};
    open_ = open;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
  int waiting_ = 0;
};

/// Opens a latch in the end, also if the test ends early: closing a runtime would wait for ever for
/// who waits at the latch. So it is declared after the runtime.
struct open_at_end {
  explicit open_at_end(latch& of) : opened{of} {}
  ~open_at_end() { opened.open(); }
  open_at_end(const open_at_end&) = delete;
  open_at_end& operator=(const open_at_end&) = delete;

  latch& opened;
};

} // namespace test
