#include "aggregates/in_flight.hpp"

namespace cairn::detail {
namespace {

bool is(const result<commit>& outcome, errc code) noexcept {
  return !outcome && outcome.error().code() == code;
}

} // namespace

std::uint64_t in_flight::begin() noexcept {
  count_.fetch_add(1, std::memory_order_relaxed);
  return ++tickets_;
}

bool in_flight::drained() noexcept {
  if (none())
    return true;
  // The flag is set before the count is looked at again, and the count lowered before the flag is
  // looked at: one of the two threads sees the other.
  wants_wake_.store(true);
  return none();
}

void in_flight::reset(stream_head durable) noexcept {
  poisoned_ = false;
  requeueing_ = false;
  fenced_ = false;
  failed_from_.store(no_ticket, std::memory_order_relaxed);
  durable_ = durable;
}

void in_flight::fail_from(std::uint64_t ticket) noexcept {
  auto first = failed_from_.load(std::memory_order_relaxed);
  while (ticket < first
         && !failed_from_.compare_exchange_weak(first, ticket, std::memory_order_relaxed)) {
  }
}

in_flight::ending in_flight::judge(std::uint64_t ticket, bool has_events,
                                   const result<commit>& outcome) noexcept {
  if (outcome && !follows_failure(ticket))
    return ending::landed;
  const auto how = judge_failure(ticket, has_events, outcome);
  if (how == ending::refused_key)
    requeueing_ = true;
  fenced_ = fenced_ || is(outcome, errc::not_owner);
  // Before the requests are answered, so that who sends again from a continuation meets a new
  // state.
  if (has_events)
    fail_from(ticket);
  if (fenced_) // a barrier's refusal, too: what the state is, the new owner decides
    fail_from(ticket);
  return how;
}

in_flight::ending in_flight::judge_failure(std::uint64_t ticket, bool has_events,
                                           const result<commit>& outcome) const noexcept {
  if (is(outcome, errc::key_held))
    return ending::refused_key;
  const bool follows = follows_failure(ticket);
  const bool aborted = is(outcome, errc::aborted);
  if (fenced_ && follows && (!has_events || aborted))
    return ending::fenced;
  if (requeueing_ && follows && (!has_events || aborted))
    return ending::must_requeue;
  if (!outcome && !aborted && !is(outcome, errc::version_conflict))
    return ending::failed;
  // The version that the append builds upon was assigned here, so the caller has not asked for
  // anything that could conflict: either the append before it failed, or somebody else writes to
  // the stream.
  if (!outcome)
    return follows ? ending::aborted : ending::conflicted;
  return has_events ? ending::unknown : ending::aborted;
}

bool in_flight::end() noexcept {
  const bool must_run = !requeued_.empty() || fenced_; // not to be looked at once the count is zero
  return count_.fetch_sub(1) == 1 && (wants_wake_.exchange(false) || must_run);
}

} // namespace cairn::detail
