#pragma once

#include "aggregates/deduplication_window.hpp"
#include "aggregates/request_list.hpp"

#include <cairn/journal.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace cairn::detail {

/// The appends of one aggregate that the journal has and has not handed back, and what the failure
/// of one of them means for the others.
///
/// An aggregate executes ahead of the disk, so each append builds on those before it. If one fails,
/// all behind it are void, and so is the state: it must be rebuilt from the journal, once the last
/// append in flight has come back. Each append has a ticket, its place among the aggregate's
/// appends; what fails is told by the smallest ticket that failed.
///
///               begin, end with `landed`
///                     .-------.
///                     v       |
///                 .---------------.  poison: evolve threw half way   .----------.
///      reset ---->|    current    |--------------------------------->| poisoned |
///        ^        '---------------'                                  '----------'
///        |                |                                               |
///        |                | an append fails (fail_from, judge)            | an append fails
///        |                v                                               |
///        |        .---------------.  a smaller ticket fails               |
///        |        |    failing    |---.                                   |
///        |        |               |<--'<----------------------------------'
///        |        '---------------'
///        |                | the last append comes back: `drained`
///        '----------------+-----------------> the aggregate leaves memory, if `fenced`
///
/// What becomes of the requests in flight while it is failing depends on why appends failed:
///
/// | failed with   | its own requests                   | the requests behind it              |
/// |---------------|------------------------------------|-------------------------------------|
/// | `key_held`    | executed again, one to be rejected | executed again, in their order      |
/// | `not_owner`   | fail with `not_owner`              | fail with `not_owner`               |
/// | anything else | fail with that error               | fail: aborted, or unknown with it   |
///
/// Three parties call it, each the functions named for it, which need no lock: the aggregate, in
/// its turns; the journal, on its writer's thread; and the dispatcher, which takes appends from the
/// journal and hands out replies, one append at a time in the order of submission. What is not
/// atomic belongs to the dispatcher while an append is in flight, and else to the aggregate.
///
/// It also knows where the events of recent commands have landed, until the aggregate's
/// deduplication window is told: the answer to a repeated command names its position, and to look
/// that up in the journal would hold up all replies.
class in_flight {
public:
  /// `window`: how many commands the aggregate's deduplication window remembers at most.
  explicit in_flight(std::size_t window) noexcept : window_{window} {}

  // By the aggregate.

  /// One more append is about to be submitted; its ticket, from 1.
  std::uint64_t begin() noexcept;

  bool none() const noexcept { return count_.load() == 0; }

  /// The same; if false, the `end` of the last append asks for the aggregate to be woken.
  bool drained() noexcept;

  /// The state is not what the events make of it, though no append has failed.
  void poison() noexcept { poisoned_ = true; }
  bool poisoned() const noexcept { return poisoned_; }

  /// Whether an append has failed.
  bool failing() const noexcept { return follows_failure(no_ticket); }
  bool must_rebuild() const noexcept { return poisoned_ || failing(); }

  /// Another process owns the stream now: the state must not be rebuilt, but leave memory with all
  /// requests that wait. Only if there is `none`.
  bool fenced() const noexcept { return fenced_; }

  /// The state has been dropped, or rebuilt as of `durable`. Only if there is `none`.
  void reset(stream_head durable) noexcept;

  /// Tells the window where its newest commands have landed. Does nothing unless there is `none`.
  void locate(deduplication_window& window) noexcept;

  /// The requests that are to be executed again, in the order of `requeue`. Only if there is
  /// `none`.
  request_list& requeued() noexcept { return requeued_; }

  // By the journal.

  /// Nothing of the append with this ticket will be written. Appends may be refused out of order:
  /// one that is refused on its way in, before others that were submitted earlier.
  void fail_from(std::uint64_t ticket) noexcept;

  /// Whether an append with a smaller ticket has failed.
  bool follows_failure(std::uint64_t ticket) const noexcept {
    return failed_from_.load(std::memory_order_relaxed) < ticket;
  }

  // By the dispatcher, for each append: `judge`; then its requests are answered or requeued; then
  // `set_durable_head` if its events have landed; then `end`.

  /// How an append ends.
  enum class ending : std::uint8_t {
    landed,       ///< Durable, as is everything before it: its replies can leave.
    failed,       ///< With the error that the journal gave.
    conflicted,   ///< Another writer has extended the stream; nothing was written.
    aborted,      ///< One before it failed; nothing was written, or nothing was to be.
    unknown,      ///< Written, so what failed before it was written too: its outcome was unknown.
    fenced,       ///< One before it was refused with `not_owner`, and nothing was written.
    refused_key,  ///< Requeue its requests, and reject the one that wanted the key.
    must_requeue, ///< One before it was refused for a key, and nothing was written: requeue.
  };

  /// `has_events`: false for a barrier, which only waits for those before it: its failure leaves
  /// the state as it is.
  ending judge(std::uint64_t ticket, bool has_events, const result<commit>& outcome) noexcept;

  /// A request that is to be executed again; they are kept in the order of these calls.
  void requeue(request_ptr work) noexcept { requeued_.push_back(std::move(work)); }

  /// The last event that is durable. Also by the aggregate if there is `none`.
  const stream_head& durable_head() const noexcept { return durable_; }

  /// Events have landed. `remembered`: the deduplication window has a command among theirs.
  void set_durable_head(const commit& landed, bool remembered);

  /// Where an event has landed; 0: not known. Known are the durable head, and the events of all
  /// commands that the window has and was not told of. Also by the aggregate if there is `none`.
  cairn::position position_of(cairn::version version) const noexcept;

  /// The append is done with. True: the caller must wake the aggregate, which waits for the last
  /// one, has requests to execute again, or must leave memory.
  [[nodiscard]] bool end() noexcept;

private:
  static constexpr std::uint64_t no_ticket = std::numeric_limits<std::uint64_t>::max();

  ending judge_failure(std::uint64_t ticket, bool has_events,
                       const result<commit>& outcome) const noexcept;

  std::atomic<std::uint32_t> count_{0};
  std::atomic<bool> wants_wake_{false}; // when the last of them has come back
  bool poisoned_ = false;               // the aggregate's
  bool requeueing_ = false;             // a key was refused; what is void is executed again
  bool fenced_ = false;                 // an append was refused with `not_owner`
  bool run_remembered_ = false;         // the run up to the durable head has remembered commands
  std::atomic<std::uint64_t> failed_from_{no_ticket}; // the smallest ticket that failed
  std::uint64_t tickets_ = 0;                         // given so far; the aggregate's
  stream_head durable_;
  // The durable head and those before it whose positions have no gap; the first one's version.
  cairn::version run_begin_{1};
  std::vector<commit> earlier_runs_; // with remembered commands; positions within have no gap
  const std::size_t window_;
  request_list requeued_;
};

} // namespace cairn::detail
