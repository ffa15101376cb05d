#pragma once

#include <cairn/event_buffer.hpp>
#include <cairn/table_store.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace cairn::detail {

/// The part of a target that applies the events of several streams at the same time.
///
/// The batcher offers each copied event with `add`, and then the whole round with `apply`. Where
/// that is refused, it applies the same events one after another.
class parallel_applier {
public:
  virtual ~parallel_applier() = default;

  /// No event is in the batch yet.
  virtual void begin_batch() noexcept = 0;
  virtual void begin_round() noexcept = 0;

  /// Number of events that the next round may have; 0: it is to be applied one after another.
  virtual std::size_t round_events() const noexcept = 0;

  /// The next event of the round, while it is being copied.
  virtual void add(const event_view& event) = 0;

  /// Applies the round, without the events at `passed_over`. Returns false if nothing of it has
  /// been applied. Begins nothing more once `interrupt` is set.
  virtual bool apply(const event_buffer& events,
                     function_ref<bool(const event_view&)> is_passed_over,
                     const std::atomic<bool>& interrupt) = 0;

  /// `events` were applied one after another.
  virtual void applied_alone(std::size_t events) noexcept = 0;
};

/// Where the events of a consumer go: tables, a handler, another system.
///
/// Events come in batches: `begin`, `apply` for each event, then `commit` with the checkpoint or
/// `abort`. The target keeps the checkpoint together with what it made of the events, so that it
/// alone says where to go on. One thread at a time, except `position`.
class event_target {
public:
  virtual ~event_target() = default;

  /// Every selected event up to here has been committed. Any thread.
  virtual cairn::position position() const noexcept = 0;

  /// Errors: those of the storage; then no batch has begun.
  virtual result<void> begin() = 0;

  /// Applies one event. Returns the reason if it cannot be applied; then the batch is as before it.
  /// Throws nothing but `kj::Exception`, for a payload that is damaged, and only if nothing has to
  /// be taken back.
  virtual std::optional<error> apply(const event_view& event) = 0;

  /// Whether the batch should be committed now.
  virtual bool is_full() const noexcept { return false; }

  /// Commits the events applied since `begin`, and the checkpoint `at`. Errors: those of the
  /// storage; the batch is then as before, and `commit` is called again.
  virtual result<void> commit(const table_checkpoint& at) = 0;

  /// Ends a batch that has applied nothing.
  virtual void abort() noexcept = 0;

  /// Records a decision about an event that could not be applied, and the checkpoint `at` with it,
  /// durably. Between batches. Errors: `storage_full`, `io_failed`, `outcome_unknown`,
  /// `journal_stopped`, `shut_down`.
  virtual result<void> decide(const projection_decision& decision, const table_checkpoint& at) = 0;

  /// Null: events are applied one after another.
  virtual parallel_applier* parallel() noexcept { return nullptr; }
};

} // namespace cairn::detail
