#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace cairn::detail {

/// Counts what the runtime has accepted and not yet answered, and refuses what would go beyond its
/// bounds: CAF's mailboxes have none. Closing refuses everything new, and waits for the rest; so
/// does suspending, which can be undone.
class admission {
public:
  admission(std::size_t max_requests, std::size_t max_bytes) noexcept
    : max_requests_{max_requests}, max_bytes_{max_bytes} {}

  enum class verdict : std::uint8_t { entered, full, suspended, closed };

  /// Each `entered` is followed by one `leave` with the same bytes.
  verdict enter(std::size_t bytes) noexcept;
  void leave(std::size_t requests, std::size_t bytes) noexcept;

  /// Refuses all that comes from now on.
  void close() noexcept { state_.store(state::closed); }
  /// The same until `resume`; both do nothing once it is closed.
  void suspend() noexcept { change(state::open, state::suspended); }
  void resume() noexcept { change(state::suspended, state::open); }
  /// After `close` or `suspend`: waits until all that entered has left.
  void drain();
  bool drained() const noexcept { return requests_.load() == 0; }

  std::size_t requests() const noexcept { return requests_.load(std::memory_order_relaxed); }
  std::size_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }
  std::uint64_t refused() const noexcept { return refused_.load(std::memory_order_relaxed); }

private:
  enum class state : std::uint8_t { open, suspended, closed };

  void change(state from, state to) noexcept { state_.compare_exchange_strong(from, to); }

  const std::size_t max_requests_;
  const std::size_t max_bytes_;
  std::atomic<std::size_t> requests_{0};
  std::atomic<std::size_t> bytes_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<state> state_{state::open};
  std::mutex mutex_;
  std::condition_variable drained_;
};

} // namespace cairn::detail
