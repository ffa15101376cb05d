#include "simulation/simulated_journal.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace cairn::detail {
namespace {

error gone() {
  return {errc::shut_down, "the journal is closed"};
}

} // namespace

simulated_journal::~simulated_journal() {
  CAIRN_ASSERT(queue_.empty() && committing_.empty() && finished_.empty());
}

// --- The writer, step by step --------------------------------------------------------------------

bool simulated_journal::wants_turn() const noexcept {
  if (closed_)
    return false;
  if (!committing_.empty())
    return lands_at_ <= run_.clock.now;
  return !finished_.empty() || !queue_.empty() || !drafts_.empty();
}

std::chrono::nanoseconds simulated_journal::next_due() const noexcept {
  return closed_ || committing_.empty() ? never : lands_at_;
}

void simulated_journal::turn() {
  if (!committing_.empty())
    land();
  else if (!finished_.empty())
    hand_back();
  else if (!queue_.empty() && (drafts_.empty() || run_.random.chance(0.5)))
    begin_commit();
  else {
    run_.note("snapshot", drafts_.front().at.version.number());
    durable_.submit_snapshot(std::move(drafts_.front()));
    drafts_.erase(drafts_.begin());
  }
}

void simulated_journal::begin_commit() {
  auto count = queue_.size();
  if (run_.random.chance(0.3))
    count = run_.random.between(1, count);
  const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(count);
  committing_.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
  queue_.erase(queue_.begin(), end);
  lands_at_ = run_.soon(run_.random.chance(run_.faults.slow_sync) ? std::chrono::milliseconds{500}
                                                                  : std::chrono::microseconds{500});
  run_.note("commit begins", count);
}

void simulated_journal::land() {
  if (held_)
    resolve();
  else if (stopped_)
    fail_commit(errc::journal_stopped);
  else if (run_.random.chance(run_.faults.failed_commit))
    fail_commit(run_.random.chance(0.5) ? errc::storage_full : errc::io_failed);
  else if (run_.random.chance(run_.faults.unknown_commit))
    lose_track();
  else if (run_.random.chance(run_.faults.held_commit))
    return hold();
  else
    commit_all();
  std::move(committing_.begin(), committing_.end(), std::back_inserter(finished_));
  committing_.clear();
}

/// What was written is there for all who read; the callers hear nothing yet.
void simulated_journal::hold() {
  ++run_.figures.held_commits;
  held_ = run_.random.chance(0.5);
  run_.note("commit held", *held_);
  if (*held_)
    commit_all();
  lands_at_ = run_.soon(std::chrono::seconds{2});
}

void simulated_journal::resolve() {
  if (!*held_)
    fail_commit(errc::io_failed);
  run_.note("commit resolved", *held_);
  held_.reset();
}

void simulated_journal::commit_all() {
  for (auto& operation : committing_)
    apply(operation);
  run_.note("commit lands", durable_.last_position().bits());
}

/// The journal in memory completes it within the call.
void simulated_journal::apply(operation_ptr& operation) {
  auto* const receiver = std::exchange(operation->target, this);
  durable_.submit(std::move(operation));
  operation = std::move(applied_);
  operation->target = receiver;
}

void simulated_journal::on_completed(std::vector<operation_ptr> operations) noexcept {
  applied_ = std::move(operations.front());
}

void simulated_journal::fail_commit(errc code) {
  if (code != errc::journal_stopped)
    ++run_.figures.failed_commits;
  run_.note("commit fails", static_cast<std::uint64_t>(code));
  for (auto& operation : committing_) {
    operation->outcome.emplace(error{code, "simulated: nothing was written"});
    operation->refused();
  }
}

/// Nobody learns whether it was written. One kind of store goes on; one stops, and shows what it
/// holds when it is opened again.
void simulated_journal::lose_track() {
  ++run_.figures.unknown_commits;
  const bool written = run_.random.chance(0.5);
  stopped_ = run_.random.chance(0.5);
  const bool hides = stopped_ && run_.random.chance(0.5);
  run_.note("commit unknown", written, stopped_, hides);
  for (auto& operation : committing_) {
    if (operation->events.empty()) {
      operation->outcome.emplace(
          error{stopped_ ? errc::journal_stopped : errc::io_failed, "simulated: a commit failed"});
      operation->refused();
      continue;
    }
    if (operation->orphaned()) {
      operation->outcome.emplace(error{errc::aborted, "simulated: builds upon a refused one"});
      operation->refused();
      continue;
    }
    if (written && hides) {
      hidden_.push_back({*operation->stream, operation->expected, operation->events});
    } else if (written) {
      apply(operation);
      if (!*operation->outcome)
        continue; // it was not part of the commit
    }
    operation->outcome.emplace(error{errc::outcome_unknown, "simulated: the commit failed"});
  }
}

void simulated_journal::bring_to_light() {
  for (auto& append : std::exchange(hidden_, {}))
    (void)durable_.append(append.stream, append.expected, std::move(append.events));
}

void simulated_journal::hand_back() {
  auto all = std::exchange(finished_, {});
  run_.note("hands back", all.size());
  while (!all.empty()) {
    auto* const target = all.front()->target;
    const auto end = std::find_if(all.begin(), all.end(), [&](const operation_ptr& operation) {
      return operation->target != target;
    });
    std::vector<operation_ptr> run{std::make_move_iterator(all.begin()),
                                   std::make_move_iterator(end)};
    all.erase(all.begin(), end);
    target->on_completed(std::move(run));
  }
}

void simulated_journal::crash() {
  if (!committing_.empty()) {
    const bool survives = held_ ? *held_ : !stopped_ && run_.random.chance(0.5);
    run_.note("commit in crash", survives);
    if (survives && !held_)
      commit_all();
    run_.figures.lost_commits += survives ? 0 : 1;
    held_.reset();
  }
  closed_ = true;
  bring_to_light();
  drafts_.clear();
  // The process is no more; what is left of it is to come to its end.
  for (auto& operation : committing_)
    finished_.push_back(std::move(operation));
  for (auto& operation : queue_)
    finished_.push_back(std::move(operation));
  committing_.clear();
  queue_.clear();
  for (auto& operation : finished_)
    operation->outcome.emplace(gone());
  hand_back();
}

void simulated_journal::finish_all() {
  while (!committing_.empty() || !finished_.empty() || !queue_.empty() || !drafts_.empty())
    turn();
}

journal_status simulated_journal::status() const {
  auto status = durable_.status();
  if (stopped_)
    status.stopped_by = error{errc::outcome_unknown, "simulated: a commit failed"};
  return status;
}

result<void> simulated_journal::reopen() {
  if (closed_)
    return gone();
  if (!stopped_)
    return {};
  finish_all();
  bring_to_light();
  stopped_ = false;
  run_.note("journal opened again", durable_.last_position().bits());
  return {};
}

result<void> simulated_journal::close() {
  finish_all();
  closed_ = true;
  bring_to_light();
  return {};
}

// --- The journal ---------------------------------------------------------------------------------

void simulated_journal::submit(operation_ptr operation) {
  const bool full = !closed_ && run_.random.chance(run_.faults.refused_append);
  if (!closed_ && !full) {
    queue_.push_back(std::move(operation));
    return;
  }
  if (full)
    run_.note("append refused");
  operation->outcome.emplace(full ? error{errc::overloaded, "simulated: the queue is full"}
                                  : gone());
  operation->refused();
  auto* const target = operation->target;
  std::vector<operation_ptr> one;
  one.push_back(std::move(operation));
  target->on_completed(std::move(one));
}

result<stream_head> simulated_journal::head(const stream_id& stream) const {
  return closed_ ? result<stream_head>{gone()} : durable_.head(stream);
}

result<cairn::version> simulated_journal::replay(const stream_id& stream,
                                                 cairn::version from_version,
                                                 cairn::version to_version,
                                                 event_visitor visitor) const {
  if (closed_)
    return gone();
  return durable_.replay(stream, from_version, to_version, visitor);
}

result<cairn::position> simulated_journal::replay_all(cairn::position from_position,
                                                      event_visitor visitor) const {
  if (closed_)
    return gone();
  return durable_.replay_all(from_position, visitor);
}

result<cairn::position> simulated_journal::replay_tag(std::string_view tag,
                                                      cairn::position from_position,
                                                      event_visitor visitor) const {
  if (closed_)
    return gone();
  return durable_.replay_tag(tag, from_position, visitor);
}

result<std::optional<stream_id>> simulated_journal::holder_of(std::string_view key) const {
  if (closed_)
    return gone();
  return durable_.holder_of(key);
}

result<void> simulated_journal::visit_streams(std::string_view prefix,
                                              stream_visitor visitor) const {
  if (closed_)
    return gone();
  return durable_.visit_streams(prefix, visitor);
}

void simulated_journal::submit_snapshot(snapshot_draft snapshot) {
  if (!closed_)
    drafts_.push_back(std::move(snapshot));
}

result<bool>
simulated_journal::load_snapshot(const stream_id& stream,
                                 function_ref<void(const snapshot_view&)> visitor) const {
  if (closed_)
    return gone();
  if (!run_.random.chance(run_.faults.damaged_snapshot))
    return durable_.load_snapshot(stream, visitor);
  const auto there = durable_.load_snapshot(stream, [](const snapshot_view&) {});
  if (there && *there) {
    ++run_.figures.damaged_snapshots;
    run_.note("snapshot damaged");
  }
  return false;
}

result<void> simulated_journal::declare_schemas(const schema_declaration& used) {
  return closed_ ? result<void>{gone()} : durable_.declare_schemas(used);
}

result<void>
simulated_journal::visit_schemas(function_ref<void(const schema_generation&)> visitor) const {
  return closed_ ? result<void>{gone()} : durable_.visit_schemas(visitor);
}

} // namespace cairn::detail
