#include "lmdb_journal/lmdb_writer.hpp"

#include "journal/append_outcomes.hpp"
#include "lmdb_journal/head_rows.hpp"
#include "lmdb_journal/journal_meta.hpp"
#include "lmdb_journal/log_tail.hpp"
#include "lmdb_journal/schema_rows.hpp"
#include "lmdb_journal/snapshot_rows.hpp"
#include "records/text_check.hpp"
#include "support/start_thread.hpp"

#include <xxhash.h>

#include <cstring>
#include <string>

namespace cairn::detail {
namespace {

constexpr std::chrono::seconds reader_check_interval{30};
constexpr std::size_t rows_per_closing_commit = 16'384;

/// LMDB's codes are below -30000 and the system's positive; these are ours.
constexpr int rc_not_owner = -1;
constexpr int rc_stopped = -2;
constexpr int rc_owner_unreadable = -3;

error stopped_error(const error& why) {
  return {errc::journal_stopped, "the journal has stopped writing: " + why.message()};
}

void fail_all(append_batch& batch, const error& why) {
  for (const auto& operation : batch.operations)
    refuse(*operation, why);
}

std::uint64_t hash_of(std::string_view name) noexcept {
  return XXH3_64bits(name.data(), name.size()); // as stream_id::hash
}

} // namespace

lmdb_writer::lmdb_writer(const lmdb_env& env, const databases& dbs, writer_options options)
  : env_{env}, dbs_{dbs}, options_{std::move(options)}, queue_{options_.limits},
    heads_{2 * options_.flush_interval_events}, head_rows_{heads_, &databases::heads,
                                                           options_.flush_interval_events},
    holders_{options_.flush_interval_events / 4}, holder_rows_{holders_, &databases::reservations,
                                                               options_.flush_interval_events},
    flush_{{&head_rows_, &holder_rows_, &tags_}, options_.flush_interval_events} {}

lmdb_writer::~lmdb_writer() {
  (void)stop();
}

result<void> lmdb_writer::start() {
  if (auto replayed = replay_tail(); !replayed)
    return replayed;
  if (auto taken = take_over(); !taken) // late: an opening that fails changes at most the epoch
    return taken;
  storage_.emplace(env_, options_.directory, options_.free_space_watermark_bytes);
  auto started = start_thread("cairn-journal", [this] { run(); });
  if (!started)
    return std::move(started).error();
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
  const auto from = read_checkpoints(txn.get(), dbs_);
  if (!from)
    return from.error();
  const auto take_in = [&](const tail_record& record) {
    if (record.position > from->heads && !take_in_head(record))
      return false;
    if (record.position > from->reservations)
      take_in_reservations(record);
    if (record.position > from->tags)
      for (const auto tag : record.event.tags())
        if (const std::string_view text{tag.begin(), tag.size()}; fits_as_tag(text))
          tags_.stage(text, record.position);
    return true;
  };
  auto last = read_tail(txn.get(), dbs_, from->lowest(), take_in);
  if (!last)
    return std::move(last).error();
  MDB_stat stat{};
  mdb_stat(txn.get(), dbs_.log, &stat);
  if (stat.ms_entries != *last)
    return error{errc::corrupt_journal, "the log has " + std::to_string(stat.ms_entries)
                                            + " records up to position " + std::to_string(*last)};
  tags_.publish();
  replayed_at_open_ = *last - from->lowest();
  last_position_ = *last;
  next_position_ = *last + 1;
  flush_.start_at(from->lowest());
  flush_.committed(*last);
  return {};
}

/// False: the record does not continue its stream.
bool lmdb_writer::take_in_head(const tail_record& record) {
  const std::uint64_t hash = hash_of(record.stream);
  head_entry* entry = heads_.find(record.stream, hash);
  if (!entry)
    entry = &head_rows_.insert(record.stream, hash, record.head());
  else if (entry->committed.version + 1 != record.header.version
           || entry->committed.position != record.header.previous)
    return false;
  entry->pending = entry->committed = record.head();
  head_rows_.mark(*entry);
  return true;
}

void lmdb_writer::take_in_reservations(const tail_record& record) {
  for (const auto wanted : record.event.reservations()) {
    const std::string_view key{wanted.getKey().begin(), wanted.getKey().size()};
    if (!fits_as_key(key))
      continue;
    const std::uint64_t hash = hash_of(key);
    head_entry* entry = holders_.find(key, hash);
    if (!entry)
      entry = &holder_rows_.insert(key, hash, {});
    entry->pending = entry->committed = wanted.getRelease() ? stream_head{} : record.head();
    holder_rows_.mark(*entry);
  }
}

std::optional<stream_head> lmdb_writer::holder(std::string_view key) const {
  return holders_.committed(key, hash_of(key));
}

std::vector<named_head> lmdb_writer::streams(std::string_view prefix) const {
  std::vector<named_head> found;
  heads_.visit_committed([&](std::string_view name, stream_head head) {
    if (head.version != 0 && name.starts_with(prefix))
      found.push_back({std::string{name}, head});
  });
  return found;
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
      committed_.announce();
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
  commit_time_ns_ = now_ns();
  // What trails and snapshots may wait: if there is no room for them, the events go alone.
  if (!commit_appends(batch, trailing::with))
    (void)commit_appends(batch, trailing::without);
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
bool lmdb_writer::commit_appends(append_batch& batch, trailing trail) {
  const std::lock_guard one_at_a_time{writing_mutex_};
  transaction txn;
  next_position_ = last_position_ + 1;
  int rc = txn.begin(env_, 0);
  if (rc == 0)
    rc = fill_transaction(txn.get(), batch, trail);
  if (rc != 0) {
    txn.abort();
    roll_back();
    if (rc == MDB_MAP_FULL && trail == trailing::with)
      return false;
    abandon(batch, rc);
    return true;
  }
  if (const int failed = txn.commit()) {
    roll_back();
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
  const std::uint64_t appended = next_position_ - 1 - last_position_;
  return flush_.write_slice(txn, dbs_, next_position_ - 1, appended);
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
    case rc_not_owner: return {errc::locked, "another process has taken the journal over"};
    case rc_owner_unreadable: return *owner_error_;
    case MDB_MAP_FULL: return lmdb_error(errc::storage_full, "the journal's map is full", rc);
    default: return lmdb_error(errc::io_failed, what, rc);
  }
}

int lmdb_writer::append_all(MDB_txn* txn, append_batch& batch) {
  cursor log;
  if (const int rc = log.open(txn, dbs_.log))
    return rc;
  for (std::size_t i = 0; i < batch.operations.size(); ++i) {
    prefetch(batch.operations, i);
    if (const int rc = append_one(txn, log.get(), *batch.operations[i]))
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
    heads_.prefetch_bucket(operation->stream->hash());
    __builtin_prefetch(operation->stream->name().data());
  }
  if (const append_operation* operation = ahead(4))
    heads_.prefetch_entry(operation->stream->hash());
}

int lmdb_writer::append_one(MDB_txn* txn, MDB_cursor* log, append_operation& operation) {
  if (operation.events.empty()) {
    operation.outcome.emplace(cairn::commit{});
    return 0;
  }
  head_entry* entry = nullptr;
  if (const int rc = find_head(txn, *operation.stream, entry)) {
    if (rc != MDB_CORRUPTED)
      return rc;
    refuse(operation, {errc::corrupt_record,
                       "the head of stream " + operation.stream->name() + " is damaged"});
    return 0;
  }
  stream_head head = entry->pending;
  if (auto objection = objection_to(operation, head.version)) {
    refuse(operation, *std::move(objection));
    return 0;
  }
  if (!operation.events.reservations().empty()) {
    std::optional<error> objection;
    if (const int rc = check_reservations(txn, operation, objection))
      return rc;
    if (objection) {
      refuse(operation, *std::move(objection));
      return 0;
    }
  }
  const std::size_t count = operation.events.size();
  operation.outcome.emplace(cairn::commit{next_position_, head.version + 1, count});
  for (std::size_t i = 0; i < count; ++i) {
    const event_header header{.seal = {},
                              .version = head.version + 1,
                              .previous = head.position,
                              .recorded_at_ns = commit_time_ns_,
                              .epoch = epoch_};
    if (const int rc = put(log, operation.events.record(i), header))
      return rc;
    head = {header.version, next_position_++};
  }
  heads_.touch(*entry, head);
  if (!operation.events.reservations().empty())
    if (const int rc = reserve(txn, operation))
      return rc;
  for (const auto& tagged : operation.events.tags())
    tags_.stage(tagged.tag, operation.outcome->value().first_position + tagged.record);
  return 0;
}

/// Whether other streams hold keys that the operation names. What it does to a key itself makes no
/// difference: that key is then free or its own.
int lmdb_writer::check_reservations(MDB_txn* txn, append_operation& operation,
                                    std::optional<error>& objection) {
  const auto reservations = operation.events.reservations();
  for (std::size_t i = 0; i < reservations.size() && !objection; ++i) {
    const std::string& key = reservations[i].wanted.key;
    head_entry* entry = nullptr;
    const int rc = find_holder(txn, key, entry);
    if (rc == MDB_CORRUPTED)
      objection = holder_row_error(key, rc);
    else if (rc != 0)
      return rc;
    else if (entry->pending.version == 0)
      continue;
    else if (auto holder = stream_at(txn, dbs_, entry->pending.position); !holder)
      objection = std::move(holder).error();
    else if (*holder != operation.stream->name())
      objection = held_elsewhere(operation, i, *holder);
  }
  return 0;
}

/// The operation has been appended: its keys are its stream's from now on, or nobody's.
int lmdb_writer::reserve(MDB_txn* txn, const append_operation& operation) {
  const cairn::commit& landed = **operation.outcome;
  for (const auto& [wanted, record] : operation.events.reservations()) {
    head_entry* entry = nullptr;
    if (const int rc = find_holder(txn, wanted.key, entry))
      return rc;
    const stream_head holder{landed.first_version + record, landed.first_position + record};
    holders_.touch(*entry, wanted.release ? stream_head{} : holder);
  }
  return 0;
}

int lmdb_writer::put(MDB_cursor* log, std::span<capnp::word> record, const event_header& header) {
  CAIRN_ASSERT(record.size() > words_of<event_header>);
  std::uint64_t position = next_position_;
  MDB_val key{sizeof(position), &position};
  MDB_val value{record.size_bytes(), nullptr};
  if (const int rc = mdb_cursor_put(log, &key, &value, MDB_RESERVE | MDB_APPEND))
    return rc;
  CAIRN_ASSERT(reinterpret_cast<std::uintptr_t>(value.mv_data) % sizeof(std::uint64_t) == 0);
  // Sealed where it lies, then copied: summing the copy would wait for its stores.
  void* const source = record.data();
  std::memcpy(source, &header, sizeof(header));
  seal_value(key_bytes(position), source, record.size_bytes());
  std::memcpy(value.mv_data, source, record.size_bytes());
  return 0;
}

int lmdb_writer::find_head(MDB_txn* txn, const stream_id& stream, head_entry*& entry) {
  entry = heads_.find(stream.name(), stream.hash());
  if (entry)
    return 0;
  stream_head head;
  if (const int rc = read_head_row(txn, dbs_.heads, stream.name(), head))
    return rc;
  entry = &head_rows_.insert(stream.name(), stream.hash(), head);
  return 0;
}

int lmdb_writer::find_holder(MDB_txn* txn, std::string_view key, head_entry*& entry) {
  const std::uint64_t hash = hash_of(key);
  entry = holders_.find(key, hash);
  if (entry)
    return 0;
  stream_head holder;
  if (const int rc = read_head_row(txn, dbs_.reservations, key, holder))
    return rc;
  entry = &holder_rows_.insert(key, hash, holder);
  return 0;
}

int lmdb_writer::write_snapshots(MDB_txn* txn, const append_batch& batch) {
  for (const snapshot_draft& snapshot : batch.snapshots) {
    head_entry* entry = nullptr;
    const int rc = find_head(txn, snapshot.stream, entry);
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
  const std::uint64_t events = next_position_ - 1 - last_position_;
  for (head_entry* entry : heads_.publish())
    head_rows_.mark(*entry);
  for (head_entry* entry : holders_.publish())
    holder_rows_.mark(*entry);
  tags_.publish(); // first: who sees the position finds the tag
  last_position_.store(next_position_ - 1, std::memory_order_release);
  commits_.fetch_add(1, std::memory_order_relaxed);
  appended_events_.fetch_add(events, std::memory_order_relaxed);
  appended_bytes_.fetch_add(batch.bytes, std::memory_order_relaxed);
  flush_.committed(last_position_);
}

void lmdb_writer::roll_back() noexcept {
  heads_.roll_back();
  holders_.roll_back();
  tags_.roll_back();
  flush_.aborted();
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
  const std::lock_guard one_at_a_time{writing_mutex_};
  transaction txn;
  int rc = txn.begin(env_, 0);
  if (rc == 0)
    rc = check_owner(txn.get());
  if (rc == 0)
    rc = append_schema_row(txn.get(), dbs_, now_ns(), message);
  if (rc == rc_not_owner)
    return stopped_error(why_aborted(rc, {}));
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
  while (!stopped_ && flush_.hurry(last_position_)) {
    const std::lock_guard one_at_a_time{writing_mutex_};
    transaction txn;
    int rc = txn.begin(env_, 0);
    if (rc == 0)
      rc = check_owner(txn.get());
    if (rc == 0)
      rc = flush_.write_slice(txn.get(), dbs_, last_position_, rows_per_closing_commit);
    if (rc == MDB_MAP_FULL || rc == rc_stopped)
      return flush_.aborted(); // no room: the next opening replays the tail
    if (rc == 0)
      rc = txn.commit();
    if (rc != 0)
      return stop_writing(why_aborted(rc, "cannot flush what trails the log"));
    flush_.committed(last_position_);
  }
}

void lmdb_writer::add_to(journal_status& status) const {
  status.last_position = last_position();
  status.epoch = epoch_;
  status.commits = commits_.load(std::memory_order_relaxed);
  status.appended_events = appended_events_.load(std::memory_order_relaxed);
  status.appended_bytes = appended_bytes_.load(std::memory_order_relaxed);
  status.queued_operations = queue_.queued_operations();
  status.queued_bytes = queue_.queued_bytes();
  status.replayed_at_open = replayed_at_open_;
  status.unflushed_heads = flush_.unflushed();
  const std::lock_guard lock{stopped_mutex_};
  status.stopped_by = stopped_by_;
}

} // namespace cairn::detail
