#pragma once

#include "import.hpp"

#include <cairn/decision.hpp>
#include <cairn/result.hpp>

#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace shop {

/// A coroutine that nobody waits for: it starts at once and destroys itself at its end.
struct detached {
  struct promise_type {
    detached get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); } // bad_alloc, nothing else
  };
};

/// What the baskets on their way share with the thread that reads the file: how many they are, what
/// became of their commands, and those that wait for a busy runtime.
///
/// `enter` and `drain` are for the one reading thread, all else for any.
class import_window {
public:
  struct problem {
    std::uint64_t line;
    std::string reason;
  };

  explicit import_window(std::size_t capacity) noexcept : capacity_{capacity} {}

  /// Waits until there is room for one more basket. Returns the problems that arose since it was
  /// last called.
  std::vector<problem> enter();
  /// Waits until the last basket has left. Returns likewise.
  std::vector<problem> drain();
  /// A basket that entered is through.
  void leave();

  void count(const cairn::reply& reply);
  void report(std::uint64_t line, std::string reason);
  /// Ends the import: baskets on their way send nothing more.
  void fail(const cairn::error& failure);
  bool failed() const;

  /// The counts of commands so far, and the failure.
  import_report progress() const;

  /// `co_await window.pause()`: goes on a little later, in the reading thread, which is the one
  /// that may be slowed down.
  auto pause() {
    struct awaiter {
      import_window& window;
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> basket) { window.park(basket); }
      void await_resume() const noexcept {}
    };
    return awaiter{*this};
  }

private:
  void park(std::coroutine_handle<> basket);
  std::vector<problem> wait_until_fewer_than(std::size_t limit);

  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t inside_ = 0;
  std::vector<std::coroutine_handle<>> parked_;
  std::vector<problem> problems_;
  import_report progress_;
};

} // namespace shop
