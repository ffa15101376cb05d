#pragma once

#include "consumers/consumer_environment.hpp"
#include "projections/partition_threads.hpp"

#include <cairn/event_buffer.hpp>
#include <cairn/projection.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace cairn::detail {

/// Folds rounds of events in several partitions at the same time, the events of a stream all in
/// one.
///
/// It is a bet that events of different streams touch different rows. If partitions meet, the store
/// refuses the round, and it is to be folded one event after another; so are then all events for a
/// while, the longer, the more often partitions meet.
class fold_partitions {
public:
  /// Applies an event; false: it cannot be applied. Throws nothing. Any thread.
  using handler = function_ref<bool(row_sink&, const event_view&)>;

  /// `options` pass `check`.
  fold_partitions(const projection_options& options, const consumer_environment& environment);

  /// Errors: `invalid_argument`: there can be no such number of threads.
  static result<void> check(const projection_options& options);

  /// The threads, if there are to be any. Errors: `io_failed`.
  result<void> start();
  void stop() { threads_.stop(); }

  /// Whether there is more than one partition.
  bool several() const noexcept { return partitions_ > 1; }

  /// How many events the next round is to have at most; 0: it is not to be folded in parallel.
  std::size_t next_round() const noexcept { return alone_left_ > 0 ? 0 : round_; }

  /// No event is in the store's batch.
  void begin_batch() noexcept { batch_has_partitions_ = false; }
  void begin_round() noexcept;
  /// The round's next event is of this stream.
  void add(std::string_view stream);

  /// Folds the round, which has these events; false: its events are not in the rows, and are to be
  /// folded one after another. `interrupt`: once it is set, nothing more is begun.
  bool fold(const event_buffer& events, table_store& into, handler apply,
            const std::atomic<bool>& interrupt);
  /// So many events were folded one after another.
  void folded_alone(std::size_t events) noexcept;

  // Any thread.
  std::uint64_t events() const noexcept { return events_; }
  std::uint64_t parallel_retries() const noexcept { return parallel_retries_; }

private:
  bool apply_all(const event_buffer& events, table_store& into, handler apply,
                 const std::atomic<bool>& interrupt, bool by_threads);
  void note_kept(std::size_t events, std::chrono::steady_clock::duration took);
  void note_refused();

  const consumer_environment& environment_;
  const std::size_t partitions_;
  const std::size_t least_events_; // that are worth waking threads for
  const std::chrono::steady_clock::duration longest_;
  partition_threads threads_;
  std::vector<std::vector<std::uint32_t>> numbers_; // by partition: of the round's events
  std::size_t round_;
  std::size_t added_ = 0;
  bool batch_has_partitions_ = false;
  std::size_t alone_ = 0; // for so many events, when partitions meet
  std::size_t alone_left_ = 0;
  std::atomic<std::uint64_t> events_ = 0;
  std::atomic<std::uint64_t> parallel_retries_ = 0;
};

} // namespace cairn::detail
