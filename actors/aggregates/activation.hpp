#pragma once

#include "aggregates/deduplication_window.hpp"
#include "aggregates/in_flight.hpp"
#include "aggregates/inbox.hpp"
#include "aggregates/request_list.hpp"
#include "scheduling/run_queue.hpp"

#include <cairn/detail/model.hpp>
#include <cairn/detail/request.hpp>
#include <cairn/journal.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

namespace cairn::detail {

class aggregate_append;
class engine;
class type_host;
struct rehydrated;

/// One aggregate while it is in memory: what is done in its turns.
///
/// It takes its requests one at a time, evolves at once, and does not wait for the disk: each
/// answer is carried along with the append it depends on, and leaves when that is durable. What
/// happens if an append fails is `in_flight`'s.
///
/// `run` is called in turns that the engine's `run_queue` gives, one at a time; the thread that
/// gives it a turn is called its actor here. While the engine's `loader` has it, its turns only
/// take requests in. `post`, `request_passivation` and `release_slots` may be called from any
/// thread.
class activation final : public queued_runner {
public:
  activation(type_host& host, stream_id stream);
  ~activation() override;

  const stream_id& stream() const noexcept { return stream_; }

  /// Queues a request and wakes the actor if need be. The request is left with the caller if the
  /// result is `closed`; it is answered with `overloaded` here if the aggregate's bound is reached.
  inbox::pushed post(request_ptr& work);

  bool run() noexcept override;
  void prefetch(unsigned step) const noexcept override;
  void prefetch_own() const noexcept;

  /// Asks it to leave memory once nothing is queued and nothing is in flight.
  void request_passivation();

  /// Reads it from the journal and wakes it. By the `loader`, in a thread that may wait.
  void load() noexcept;

  /// Called before answers are handed out: so many requests no longer count against the
  /// aggregate's bound.
  void release_slots(std::size_t requests) noexcept {
    outstanding_.fetch_sub(static_cast<std::uint32_t>(requests), std::memory_order_relaxed);
  }

  /// Its appends that the journal has not handed back.
  in_flight& flight() noexcept { return flight_; }

  /// The error of requests that cannot be answered here, as the stream is another process's.
  error lost_to_another_owner() const;

  /// One of its appends is done with; wakes it if that is what it waits for.
  void append_ended() noexcept;

  /// When it last did something, by the engine's clock, in its ticks.
  std::chrono::steady_clock::time_point last_active() const noexcept {
    return std::chrono::steady_clock::time_point{
        std::chrono::steady_clock::duration{last_active_.load(std::memory_order_relaxed)}};
  }

  /// Whether nothing is under way and it has not been asked to leave.
  bool idle() const noexcept {
    return outstanding_.load(std::memory_order_relaxed) == 0
           && !wants_passivation_.load(std::memory_order_relaxed);
  }

  /// Whether it has done something since this was asked last.
  bool used_since_last_look() noexcept { return used_.exchange(false, std::memory_order_relaxed); }

private:
  /// Where its state is. The thread that pushes the first request moves it on from `fresh`, so that
  /// the loader gets it without a turn before; only the actor moves it on from `absent` and
  /// `loaded`.
  enum class loading : std::uint8_t { fresh, absent, under_way, loaded, resident };

  bool take_inbox();
  bool rebuild();
  bool begin_loading(loading from) noexcept;
  std::optional<error> adopt_loaded();
  void fail_all_and_passivate(const error& failure);
  void log_not_rebuilt(const error& failure) const noexcept;
  bool end_turn();
  void retire();
  void drop_state() noexcept;

  void execute_pending(const result<std::chrono::steady_clock::time_point>& now);
  void execute(request_ptr work, aggregate_append& append);
  void submit(std::unique_ptr<aggregate_append> append);
  void refuse(request_ptr work, error failure);
  bool snapshot_is_due();
  void take_snapshot_if_due(aggregate_append& append);
  void account_bytes();
  void measure_bytes();

  void wake() noexcept;

  type_host& host_;
  engine& engine_;
  const stream_id stream_;

  inbox inbox_;
  std::atomic<std::uint32_t> outstanding_{0};
  in_flight flight_;
  std::atomic<bool> wants_passivation_{false};
  std::atomic<loading> loading_{loading::fresh};
  std::atomic<bool> used_{true};
  std::atomic<std::chrono::steady_clock::rep> last_active_{0};

  // The actor's own from here on; `window_` and `loaded_` are the loader's while it is `under_way`.
  request_list pending_; // taken from the inbox, not yet executed
  std::unique_ptr<result<rehydrated>> loaded_;
  std::unique_ptr<aggregate_state> state_;
  cairn::version version_{}; // of the state, what is in flight included
  deduplication_window window_;
  cairn::version snapshot_version_{}; // of the last one taken
  std::size_t unkept_bytes_ = 0;      // of the state whose snapshot could not be kept; 0: none
  cairn::version unkept_version_{};
  std::size_t accounted_bytes_ = 0;
  cairn::version accounted_version_{}; // of the state when it was measured last
  std::size_t unmeasured_bytes_ = 0;   // of the events since then
  bool closed_ = false;
};

} // namespace cairn::detail
