#include "aggregates/in_flight.hpp"

#include <algorithm>
#include <iterator>

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
  run_begin_ = std::max(cairn::version{1}, durable.version);
  run_remembered_ = false;
  earlier_runs_.clear();
}

void in_flight::locate(deduplication_window& window) noexcept {
  if (!none() || (!run_remembered_ && earlier_runs_.empty()))
    return;
  window.locate([this](cairn::version version) { return position_of(version); });
  run_remembered_ = false;
  earlier_runs_.clear();
  constexpr std::size_t kept = 16; // enough for one that is busy now and then
  if (earlier_runs_.capacity() > kept)
    earlier_runs_ = {};
}

void in_flight::set_durable_head(const commit& landed, bool remembered) {
  const stream_head last{landed.first_version + landed.count - 1,
                         landed.first_position + landed.count - 1};
  if (landed.first_position != durable_.position + 1) {
    const auto length = durable_.version + 1 - run_begin_;
    if (run_remembered_)
      earlier_runs_.push_back({durable_.position + 1 - length, run_begin_, length});
    // Each has a remembered command, so older ones than these are not asked for.
    if (earlier_runs_.size() >= 2 * window_)
      earlier_runs_.erase(earlier_runs_.begin(),
                          earlier_runs_.end() - static_cast<std::ptrdiff_t>(window_));
    run_begin_ = landed.first_version;
    run_remembered_ = false;
  }
  run_remembered_ = run_remembered_ || remembered;
  durable_ = last;
}

cairn::position in_flight::position_of(cairn::version version) const noexcept {
  if (version > durable_.version)
    return {};
  if (version >= run_begin_)
    return durable_.position - (durable_.version - version);
  const auto behind = std::upper_bound(
      earlier_runs_.begin(), earlier_runs_.end(), version,
      [](cairn::version wanted, const commit& run) { return wanted < run.first_version; });
  if (behind == earlier_runs_.begin())
    return {};
  const auto& run = *std::prev(behind);
  const auto offset = version - run.first_version;
  return offset < run.count ? run.first_position + offset : cairn::position{};
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
