#include "journal/append_queue.hpp"

#include <iterator>

namespace cairn::detail {
namespace {

constexpr std::size_t most_queued_snapshot_bytes = std::size_t{64} << 20;
constexpr std::size_t most_commit_snapshots = 256;
constexpr std::size_t most_commit_snapshot_bytes = std::size_t{4} << 20;

std::size_t bytes_of(const snapshot_draft& snapshot) noexcept {
  return snapshot.message.size() * sizeof(std::uint64_t);
}

} // namespace

append_queue::answer append_queue::push(std::unique_ptr<append_operation>& operation) {
  const std::size_t bytes = weight(*operation);
  bool wake = false;
  {
    const std::lock_guard lock{mutex_};
    if (closed_)
      return answer::closed;
    // One operation always fits, however large: else it could never be written.
    if (const std::size_t queued = queued_bytes_;
        queued > 0 && queued + bytes > limits_.queued_bytes)
      return answer::full;
    incoming_.push_back(std::move(operation));
    queued_operations_ += 1;
    queued_bytes_ += bytes;
    wake = std::exchange(asleep_, false);
  }
  if (wake)
    arrived_.notify_one();
  return answer::taken;
}

void append_queue::push_snapshot(snapshot_draft snapshot) {
  const std::size_t bytes = bytes_of(snapshot);
  bool wake = false;
  {
    const std::lock_guard lock{mutex_};
    const std::size_t queued = queued_snapshot_bytes_;
    if (closed_ || bytes > max_snapshot_bytes
        || (queued > 0 && queued + bytes > most_queued_snapshot_bytes)) // one always fits
      return;
    queued_snapshot_bytes_ += bytes;
    incoming_snapshots_.push_back(std::move(snapshot));
    wake = std::exchange(asleep_, false);
  }
  if (wake)
    arrived_.notify_one();
}

bool append_queue::take(append_batch& batch, std::chrono::milliseconds patience) {
  batch = {};
  if (!refill(patience))
    return false;
  fill_operations(batch);
  fill_snapshots(batch);
  return true;
}

bool append_queue::refill(std::chrono::milliseconds patience) {
  if (taken_.size() - next_taken_ >= limits_.commit_events)
    return true; // a commit's worth is here already
  taken_.erase(taken_.begin(), taken_.begin() + static_cast<std::ptrdiff_t>(next_taken_));
  next_taken_ = 0;
  std::unique_lock lock{mutex_};
  const auto arrived = [&] {
    return closed_ || !incoming_.empty() || !incoming_snapshots_.empty();
  };
  if (taken_.empty() && taken_snapshots_.empty() && !arrived()) {
    asleep_ = true;
    arrived_.wait_for(lock, patience, arrived);
    asleep_ = false;
  }
  if (taken_.empty())
    taken_.swap(incoming_);
  else
    std::move(incoming_.begin(), incoming_.end(), std::back_inserter(taken_));
  incoming_.clear();
  std::move(incoming_snapshots_.begin(), incoming_snapshots_.end(),
            std::back_inserter(taken_snapshots_));
  incoming_snapshots_.clear();
  return !closed_ || !taken_.empty() || !taken_snapshots_.empty();
}

void append_queue::fill_operations(append_batch& batch) {
  const std::size_t first = next_taken_;
  while (next_taken_ < taken_.size()) {
    constexpr std::size_t ahead = 8; // each was made by another thread, so each is a cache miss
    if (next_taken_ + ahead < taken_.size())
      __builtin_prefetch(taken_[next_taken_ + ahead].get());
    const event_batch& events = taken_[next_taken_]->events;
    const bool fits = batch.events + events.size() <= limits_.commit_events
                      && batch.bytes + events.bytes() <= limits_.commit_bytes;
    if (!fits && next_taken_ > first)
      break;
    batch.events += events.size();
    batch.bytes += events.bytes();
    ++next_taken_;
  }
  const auto begin = taken_.begin() + static_cast<std::ptrdiff_t>(first);
  const auto end = taken_.begin() + static_cast<std::ptrdiff_t>(next_taken_);
  batch.operations.assign(std::make_move_iterator(begin), std::make_move_iterator(end));
}

void append_queue::fill_snapshots(append_batch& batch) {
  while (!taken_snapshots_.empty() && batch.snapshots.size() < most_commit_snapshots
         && batch.snapshot_bytes < most_commit_snapshot_bytes) {
    batch.snapshot_bytes += bytes_of(taken_snapshots_.front());
    batch.snapshots.push_back(std::move(taken_snapshots_.front()));
    taken_snapshots_.pop_front();
  }
  queued_snapshot_bytes_ -= batch.snapshot_bytes;
}

void append_queue::release(std::size_t operations, std::size_t bytes) noexcept {
  queued_operations_ -= operations;
  queued_bytes_ -= bytes;
}

void append_queue::close() {
  {
    const std::lock_guard lock{mutex_};
    closed_ = true;
  }
  arrived_.notify_one();
}

void append_queue::open() {
  const std::lock_guard lock{mutex_};
  closed_ = false;
}

} // namespace cairn::detail
