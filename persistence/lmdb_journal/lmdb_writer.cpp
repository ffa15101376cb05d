#include "lmdb_journal/lmdb_writer.hpp"

#include "journal/append_outcomes.hpp"
#include "lmdb_journal/log_append.hpp"
#include "lmdb_rows/journal_meta.hpp"
#include "lmdb_rows/schema_rows.hpp"
#include "lmdb_rows/snapshot_rows.hpp"
#include "support/start_thread.hpp"

#include <algorithm>
#include <string>

namespace cairn::detail {
namespace {

constexpr std::chrono::seconds reader_check_interval{30};
constexpr std::size_t rows_per_closing_commit = 16'384;

/// LMDB's codes are below -30000 and the system's positive; these are ours.
constexpr int rc_not_owner = -1;
constexpr int rc_stopped = -2;
constexpr int rc_owner_unreadable = -3;

/// What later calls are told once `why` has stopped the journal. That another process owns it now
/// is an answer of its own: not to be repeated here, but there.
error stopped_error(const error& why) {
  if (why.code() == errc::not_owner)
    return why;
  return {errc::journal_stopped, "the journal has stopped writing: " + why.message()};
}

void fail_all(append_batch& batch, const error& why) {
  for (const auto& operation : batch.operations)
    refuse(*operation, why);
}

} // namespace

lmdb_writer::lmdb_writer(const lmdb_env& env, const databases& dbs, append_queue& queue,
                         log_end& end, const writer_options& options)
  : env_{env}, dbs_{dbs}, options_{options}, queue_{queue}, end_{end},
    tail_{options.flush_interval_events} {}

lmdb_writer::~lmdb_writer() {
  (void)stop();
}

result<void> lmdb_writer::start() {
  if (auto replayed = replay_tail(); !replayed)
    return replayed;
  if (auto taken = take_over(); !taken) // late: an opening that fails changes at most the epoch
    return taken;
  storage_.emplace(env_, options_.directory, options_.free_space_watermark_bytes);
  queue_.open();
  auto started = start_thread("cairn-journal", [this] { run(); });
  if (!started) {
    refuse_queued(started.error());
    return std::move(started).error();
  }
  thread_ = *std::move(started);
  return {};
}

result<void> lmdb_writer::take_over() {
  transaction txn;
  if (const int rc = txn.begin(env_, 0))
    return lmdb_error(errc::io_failed, "cannot begin to write the journal", rc);
  auto epoch = read_owner_epoch(txn.get(), dbs_);
  if (!epoch)
    return std::move(epoch).error();
  epoch_ = *epoch + 1;
  if (const int rc = write_owner_epoch(txn.get(), dbs_, epoch_))
    return lmdb_error(errc::io_failed, "cannot write the owner epoch", rc);
  if (const int rc = txn.commit())
    return lmdb_error(errc::io_failed, "cannot commit the owner epoch", rc);
  return {};
}

result<void> lmdb_writer::replay_tail() {
  transaction txn;
  if (const int rc = txn.begin(env_, MDB_RDONLY))
    return lmdb_error(errc::io_failed, "cannot begin to read the journal", rc);
  const auto found = tail_.replay(txn.get(), dbs_);
  if (!found)
    return found.error();
  replayed_at_open_ = found->replayed;
  end_.position = found->last;
  return {};
}

result<void> lmdb_writer::stop() {
  queue_.close();
  if (thread_.joinable())
    thread_.join();
  const std::lock_guard lock{stopped_mutex_};
  if (stopped_by_)
    return stopped_error(*stopped_by_);
  return {};
}

/// What was queued before it was known that nobody takes it.
void lmdb_writer::refuse_queued(const error& why) {
  queue_.close();
  append_batch batch;
  while (queue_.take(batch, std::chrono::milliseconds{0})) {
    const std::size_t operations = batch.operations.size();
    std::size_t bytes = 0;
    for (const auto& operation : batch.operations)
      bytes += append_queue::weight(*operation);
    fail_all(batch, stopped_error(why));
    complete_all(std::move(batch.operations));
    queue_.release(operations, bytes);
  }
}

void lmdb_writer::run() {
  auto next_reader_check = std::chrono::steady_clock::now() + reader_check_interval;
  append_batch batch;
  while (queue_.take(batch, reader_check_interval)) {
    if (!batch.empty()) {
      const std::size_t operations = batch.operations.size();
      std::size_t bytes = 0;
      for (const auto& operation : batch.operations)
        bytes += append_queue::weight(*operation);
      commit(batch);
      complete_all(std::move(batch.operations));
      queue_.release(operations, bytes);
      end_.moved.announce(); // replies go first
    }
    if (const auto now = std::chrono::steady_clock::now(); now >= next_reader_check) {
      env_.check_readers(); // slots of killed processes would keep their pages for ever
      next_reader_check = now + reader_check_interval;
    }
  }
  flush_all();
}

void lmdb_writer::commit(append_batch& batch) {
  if (stopped_)
    return fail_all(batch, why_stopped());
  if (const auto full = objection_of_storage(batch))
    return fail_all(batch, *full);
  if (batch.events == 0 && batch.snapshots.empty()) {
    for (const auto& barrier : batch.operations)
      barrier->outcome.emplace(cairn::commit{});
    return;
  }
  const std::uint64_t now = now_ns();
  // What trails and snapshots may wait: if there is no room for them, the events go alone.
  if (!storage_->has_room_for_what_trails() || !commit_appends(batch, now, trailing::with))
    (void)commit_appends(batch, now, trailing::without);
}

/// That there is no room for the events; snapshots, which can be made again, give way first.
std::optional<error> lmdb_writer::objection_of_storage(append_batch& batch) {
  if (!batch.snapshots.empty()) {
    if (!storage_->objection(batch.bytes + batch.snapshot_bytes))
      return std::nullopt;
    batch.snapshots.clear();
  }
  return batch.events > 0 ? storage_->objection(batch.bytes) : std::nullopt;
}

/// False: there was no room for what trails; nothing was written.
bool lmdb_writer::commit_appends(append_batch& batch, std::uint64_t time_ns, trailing trail) {
  const std::lock_guard one_at_a_time{writing_mutex_};
  transaction txn;
  sequencer_.begin(end_.position, time_ns, epoch_);
  int rc = txn.begin(env_, 0);
  if (rc == 0)
    rc = fill_transaction(txn.get(), batch, trail);
  if (rc != 0) {
    txn.abort();
    tail_.roll_back();
    if (rc == MDB_MAP_FULL && trail == trailing::with)
      return false;
    abandon(batch, rc);
    return true;
  }
  if (const int failed = txn.commit()) {
    tail_.roll_back();
    commit_failed(batch, failed);
  } else {
    publish(batch);
  }
  return true;
}

int lmdb_writer::fill_transaction(MDB_txn* txn, append_batch& batch, trailing trail) {
  if (const int rc = check_owner(txn))
    return rc;
  if (const int rc = append_all(txn, batch))
    return rc;
  if (trail == trailing::without)
    return 0;
  if (const int rc = write_snapshots(txn, batch))
    return rc;
  const auto last = sequencer_.last_position();
  return tail_.write_slice(txn, dbs_, last, last - end_.position.load());
}

/// Asked within each write transaction: one that failed in another thread must not be followed.
int lmdb_writer::check_owner(MDB_txn* txn) {
  if (stopped_)
    return rc_stopped;
  auto owner = read_owner_epoch(txn, dbs_);
  if (!owner) {
    owner_error_ = std::move(owner).error();
    return rc_owner_unreadable;
  }
  return *owner == epoch_ ? 0 : rc_not_owner;
}

/// Of a write transaction that was aborted; `what` it could not do.
error lmdb_writer::why_aborted(int rc, std::string_view what) const {
  switch (rc) {
    case rc_stopped: return why_stopped();
    case rc_not_owner: return {errc::not_owner, "another process has taken the journal over"};
    case rc_owner_unreadable: return *owner_error_;
    case MDB_MAP_FULL: return lmdb_error(errc::storage_full, "the journal's map is full", rc);
    default: return lmdb_error(errc::io_failed, what, rc);
  }
}

int lmdb_writer::append_all(MDB_txn* txn, append_batch& batch) {
  log_append log{txn, dbs_, tail_};
  if (const int rc = log.open())
    return rc;
  for (std::size_t i = 0; i < batch.operations.size(); ++i) {
    prefetch(batch.operations, i);
    if (const int rc = sequencer_.append(*batch.operations[i], log))
      return rc;
  }
  return 0;
}

/// Fetches what the operations after `current` will touch, each pointer a few operations before it
/// is followed: with many streams nearly every look-up misses the caches, and waiting for one miss
/// after the other costs more than everything else that the writer does.
void lmdb_writer::prefetch(const std::vector<std::unique_ptr<append_operation>>& operations,
                           std::size_t current) const noexcept {
  const auto ahead = [&](std::size_t distance) -> const append_operation* {
    return current + distance < operations.size() ? operations[current + distance].get() : nullptr;
  };
  if (const append_operation* operation = ahead(16)) {
    __builtin_prefetch(operation);
    __builtin_prefetch(&operation->outcome, 1);
  }
  if (const append_operation* operation = ahead(12)) {
    __builtin_prefetch(operation->stream);
    operation->events.prefetch();
  }
  if (const append_operation* operation = ahead(8)) {
    tail_.prefetch_bucket(*operation->stream);
    __builtin_prefetch(operation->stream->name().data());
  }
  if (const append_operation* operation = ahead(4))
    tail_.prefetch_entry(*operation->stream);
}

int lmdb_writer::write_snapshots(MDB_txn* txn, const append_batch& batch) {
  for (const snapshot_draft& snapshot : batch.snapshots) {
    head_entry* entry = nullptr;
    const int rc = tail_.find_head(txn, dbs_, snapshot.stream, entry);
    if (rc == MDB_CORRUPTED || (rc == 0 && snapshot.at.version > entry->pending.version))
      continue;
    if (rc != 0)
      return rc;
    if (const int failed = write_snapshot(txn, dbs_, snapshot))
      return failed;
  }
  return 0;
}

void lmdb_writer::publish(const append_batch& batch) {
  const auto last = sequencer_.last_position();
  const std::uint64_t events = last - end_.position.load();
  tail_.publish();
  end_.position.store(last, std::memory_order_release);
  commits_.fetch_add(1, std::memory_order_relaxed);
  appended_events_.fetch_add(events, std::memory_order_relaxed);
  appended_bytes_.fetch_add(batch.bytes, std::memory_order_relaxed);
  tail_.committed(last);
}

/// The transaction was aborted: nothing was written.
void lmdb_writer::abandon(append_batch& batch, int rc) {
  error why = why_aborted(rc, "cannot append to the journal");
  const bool lost = rc == rc_not_owner || rc == rc_owner_unreadable;
  fail_all(batch, lost ? stopped_error(why) : why);
  if (rc != MDB_MAP_FULL && rc != rc_stopped)
    stop_writing(std::move(why));
}

void lmdb_writer::commit_failed(append_batch& batch, int rc) {
  error why = lmdb_error(errc::outcome_unknown, "a commit of the journal failed", rc);
  for (const auto& operation : batch.operations) {
    const bool appended = operation->outcome->has_value() && !operation->events.empty();
    operation->outcome.emplace(appended ? why : stopped_error(why));
  }
  stop_writing(std::move(why));
}

/// The first cause is the one to be told.
void lmdb_writer::stop_writing(error why) {
  const std::lock_guard lock{stopped_mutex_};
  if (!stopped_by_)
    stopped_by_ = std::move(why);
  stopped_ = true;
}

error lmdb_writer::why_stopped() const {
  const std::lock_guard lock{stopped_mutex_};
  return stopped_error(*stopped_by_);
}

result<void> lmdb_writer::append_schemas(std::span<const std::uint64_t> message) {
  if (auto full = storage_->objection(message.size_bytes()))
    return *std::move(full);
  const std::lock_guard one_at_a_time{writing_mutex_};
  transaction txn;
  int rc = txn.begin(env_, 0);
  if (rc == 0)
    rc = check_owner(txn.get());
  if (rc == 0)
    rc = append_schema_row(txn.get(), dbs_, now_ns(), message);
  if (rc != 0)
    return why_aborted(rc, "cannot append to the journal's schemas");
  if (const int failed = txn.commit()) {
    stop_writing(lmdb_error(errc::outcome_unknown, "a commit of the journal failed", failed));
    return why_stopped();
  }
  return {};
}

std::uint64_t lmdb_writer::now_ns() const {
  return static_cast<std::uint64_t>(options_.wall_clock().time_since_epoch().count());
}

void lmdb_writer::flush_all() {
  while (!stopped_ && tail_.hurry(end_.position)) {
    if (!storage_->has_room_at_the_end(std::min(tail_.unflushed(), rows_per_closing_commit)))
      return tail_.aborted(); // as below
    const std::lock_guard one_at_a_time{writing_mutex_};
    transaction txn;
    int rc = txn.begin(env_, 0);
    if (rc == 0)
      rc = check_owner(txn.get());
    if (rc == 0)
      rc = tail_.write_slice(txn.get(), dbs_, end_.position, rows_per_closing_commit);
    if (rc == MDB_MAP_FULL || rc == rc_stopped)
      return tail_.aborted(); // no room: the next opening replays the tail
    if (rc == 0)
      rc = txn.commit();
    if (rc != 0)
      return stop_writing(why_aborted(rc, "cannot flush what trails the log"));
    tail_.committed(end_.position);
  }
}

void lmdb_writer::add_to(journal_status& status) const {
  status.epoch = epoch_;
  status.commits = commits_.load(std::memory_order_relaxed);
  status.appended_events = appended_events_.load(std::memory_order_relaxed);
  status.appended_bytes = appended_bytes_.load(std::memory_order_relaxed);
  status.queued_operations = queue_.queued_operations();
  status.queued_bytes = queue_.queued_bytes();
  status.replayed_at_open = replayed_at_open_;
  status.unflushed_heads = tail_.unflushed();
  const std::lock_guard lock{stopped_mutex_};
  status.stopped_by = stopped_by_;
}

} // namespace cairn::detail
