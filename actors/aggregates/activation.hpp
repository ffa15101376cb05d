#pragma once

#include "aggregates/deduplication_window.hpp"
#include "aggregates/inbox.hpp"
#include "scheduling/run_queue.hpp"

#include <cairn/detail/model.hpp>
#include <cairn/detail/request.hpp>
#include <cairn/journal.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>

namespace cairn::detail {

class aggregate_append;
class engine;
class type_host;

/// One aggregate while it is in memory: what is done in its turns.
///
/// It takes its requests one at a time, evolves at once, and does not wait for the disk: each
/// answer is carried along with the append it depends on, and leaves when that is durable. When an
/// append fails, all later answers in flight fail with it, the state is dropped, and the aggregate
/// is rebuilt from the journal.
///
/// `run` is called in turns that the engine's `run_queue` gives, one at a time; the thread that
/// gives it a turn is called its actor here. `post`, `request_passivation`, `grant_rehydration` and
/// `leave` may be called from any thread.
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

  void grant_rehydration();

  /// By whoever delivers answers, before it does: so many requests no longer count against the
  /// aggregate's bound.
  void leave(std::size_t requests) noexcept {
    outstanding_.fetch_sub(static_cast<std::uint32_t>(requests), std::memory_order_relaxed);
  }

  // By the completer, in the order of submission.

  /// The last event that is durable. Also by the actor, while nothing is in flight.
  const stream_head& landed_head() const noexcept { return landed_; }

  /// Events have become durable, up to this one.
  void land(stream_head last) noexcept { landed_ = last; }

  /// The append with this ticket has failed: everything in flight behind it fails with it, until
  /// the state is rebuilt. Also by the journal, as soon as it refuses an append; appends may come
  /// back out of order if the journal refuses one on its way in.
  void crash(std::uint64_t ticket) noexcept {
    auto first = crashed_at_.load(std::memory_order_relaxed);
    while (ticket < first
           && !crashed_at_.compare_exchange_weak(first, ticket, std::memory_order_relaxed)) {
    }
  }
  bool crashed() const noexcept { return crashed_before(no_ticket); }
  /// Whether an append with a smaller ticket has failed.
  bool crashed_before(std::uint64_t ticket) const noexcept {
    return crashed_at_.load(std::memory_order_relaxed) < ticket;
  }

  /// An append failed because another stream holds a key. Everything in flight behind it had no
  /// effect, and is given back instead of failed, until the state is rebuilt.
  void turn_back() noexcept { turning_back_ = true; }
  bool turning_back() const noexcept { return turning_back_; }

  /// A request that was in flight is to be executed again, in the order of these calls.
  void give_back(request_ptr work);

  /// One of the appends is done with, after all of the above; wakes the actor if it waits for the
  /// last one, or if there is something to be executed again.
  void append_finished() noexcept;

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
  bool take_inbox();
  bool rebuild();
  void take_returned() noexcept;
  std::optional<error> rehydrate();
  void give_up(const error& failure);
  bool settle_down();
  void retire();
  void drop_state() noexcept;

  void execute_pending();
  void execute(request_ptr work, aggregate_append& append);
  void submit(std::unique_ptr<aggregate_append> append);
  void refuse(request_ptr work, error failure);
  bool nothing_in_flight();
  void take_snapshot_if_due(aggregate_append& append);
  void account_bytes();

  void wake() noexcept;
  request_ptr pop_pending() noexcept;

  type_host& host_;
  engine& engine_;
  const stream_id stream_;

  inbox inbox_;
  std::atomic<std::uint32_t> outstanding_{0};
  std::atomic<std::uint32_t> in_flight_{0}; // appends submitted and not yet finished
  std::atomic<bool> wants_wake_{false};     // when the last of them has finished
  static constexpr std::uint64_t no_ticket = std::numeric_limits<std::uint64_t>::max();
  std::atomic<std::uint64_t> crashed_at_{no_ticket}; // the smallest ticket that failed
  stream_head landed_; // the completer's while something is in flight, else the actor's
  // The completer's while something is in flight, else the actor's.
  bool turning_back_ = false;
  request* returned_ = nullptr; // to be executed again; oldest first
  request* returned_last_ = nullptr;
  std::atomic<bool> wants_passivation_{false};
  std::atomic<bool> may_rehydrate_{false};
  std::atomic<bool> used_{true};
  std::atomic<std::chrono::steady_clock::rep> last_active_{0};

  // The actor's own from here on.
  request* pending_ = nullptr; // taken from the inbox, not yet executed; oldest first
  request* pending_last_ = nullptr;
  std::unique_ptr<aggregate_state> state_;
  std::uint64_t version_ = 0; // of the state, what is in flight included
  deduplication_window window_;
  std::uint64_t tickets_ = 0;          // given to appends so far
  std::uint64_t snapshot_version_ = 0; // of the last one taken
  std::size_t accounted_bytes_ = 0;
  std::uint64_t accounted_version_ = 0;
  std::size_t unmeasured_bytes_ = 0; // of the events since then
  bool broken_ = false;              // the state is not to be trusted
  bool waits_for_gate_ = false;
  bool closed_ = false;
};

} // namespace cairn::detail
