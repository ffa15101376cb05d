#include <cairn/table_store.hpp>

#include "support/process_identity.hpp"
#include "tables/flush_pace.hpp"
#include "tables/layered_snapshot.hpp"
#include "tables/partition_writes.hpp"
#include "tables/table_env.hpp"
#include "tables/table_options.hpp"
#include "tables/table_progress.hpp"

#include <chrono>
#include <limits>
#include <mutex>
#include <thread>

namespace cairn {
namespace {

using detail::layered_snapshot;
using detail::memtable;
using detail::table_env;

constexpr std::size_t rows_in_a_slice = 512;

error closed_error() {
  return {errc::shut_down, "the tables are closed"};
}

/// How far the rows have come, the layers in memory, and who reads them.
struct memory_state {
  std::shared_ptr<memtable> current; // null unless rows are visible in memory
  std::shared_ptr<memtable> frozen;  // is to be written; null: none is
  bool is_writing = false;           // what is frozen
  detail::table_progress now;        // of the rows in `current`
  detail::table_progress frozen_at;
  detail::table_progress durable; // of those on disk
  std::uint64_t flushes = 0;      // counts the times `frozen` was dropped
  detail::revisions_in_use in_use;
};

class lmdb_table_store final : public table_store {
public:
  /// `env`: null: rows in memory only.
  lmdb_table_store(std::unique_ptr<table_env> env, table_store_options options)
    : options_{std::move(options)}, env_{std::move(env)},
      layered_{!env_ || options_.visibility == row_visibility::at_once} {
    if (layered_)
      memory_.current = std::make_shared<memtable>();
  }

  ~lmdb_table_store() override {
    if (detail::process_token() != process_)
      (void)env_.release(); // the parent's
    else
      (void)close();
  }

  result<void> start() {
    if (!env_)
      return {};
    auto at = on_disk([&](MDB_txn* txn) { return env_->checkpoints(txn); });
    if (!at)
      return std::move(at).error();
    auto found = decisions();
    if (!found)
      return std::move(found).error();
    visible_ = detail::positions_of(*at);
    memory_.now.shards = *std::move(at);
    memory_.durable = memory_.now;
    return {};
  }

  result<table_view> read() const override {
    auto snapshot = capture(true);
    if (!snapshot)
      return std::move(snapshot).error();
    return table_view{*std::move(snapshot)};
  }

  result<table_checkpoint> checkpoint(shard_id shard) const override {
    if (!env_) {
      const std::lock_guard lock{mutex_};
      return memory_.now.of(shard);
    }
    return on_disk([&](MDB_txn* txn) { return env_->checkpoint(txn, shard); });
  }

  cairn::position position(shard_id shard) const noexcept override {
    const std::lock_guard lock{visible_mutex_};
    return visible_.of(shard);
  }

  result<std::vector<projection_decision>> decisions() const override {
    if (!env_) {
      const std::lock_guard lock{mutex_};
      return decisions_;
    }
    return on_disk([&](MDB_txn* txn) { return env_->decisions(txn); });
  }

  result<bool> live() const override {
    if (!env_)
      return live_.load();
    return on_disk([&](MDB_txn* txn) { return env_->live(txn); });
  }

  table_store_status status() const override {
    table_store_status status;
    status.position = position(shard_id{});
    const std::lock_guard lock{mutex_};
    status.checkpoint = status.position;
    for (const auto* layer : {memory_.current.get(), memory_.frozen.get()}) {
      if (!layer)
        continue;
      status.rows_in_memory += layer->rows();
      status.bytes_in_memory += layer->bytes();
    }
    if (env_ && !closed_) {
      status.checkpoint = layered_ ? memory_.durable.of({}).position : status.position;
      status.commits = env_->commits();
      status.oldest_reader = env_->readers().oldest();
    }
    return status;
  }

  result<void> begin_batch() override {
    if (closed_)
      return closed_error();
    auto below = capture(false);
    if (!below)
      return std::move(below).error();
    below_ = *std::move(below);
    batch_.read_from(*below_);
    return {};
  }

  void begin_event() override { batch_.begin_event(); }
  detail::row_sink& rows() noexcept override { return batch_.rows(); }
  void roll_back_event() override { batch_.rows().roll_back(); }
  std::size_t pending_rows() const noexcept override { return batch_.size(); }
  std::size_t pending_bytes() const noexcept override { return batch_.bytes(); }

  result<void> begin_round(std::size_t partitions) override {
    return batch_.begin_round(partitions, [this] { return capture(false); });
  }
  detail::row_sink& partition(std::size_t i) noexcept override { return batch_.partition(i); }
  bool end_round() override { return batch_.end_round(); }

  void end_batch() override {
    CAIRN_ASSERT(batch_.empty());
    clear_batch();
  }

  result<void> publish(table_checkpoint at) override {
    if (closed_)
      return closed_error();
    if (layered_) {
      // A disk that cannot follow slows the writer, not memory.
      if (is_far_behind())
        if (auto flushed = flush_frozen(); !flushed)
          return std::move(flushed).error();
      add_to_memory(at);
    } else {
      below_.reset(); // its transaction, and those of partitions, would keep pages that it frees
      batch_.settle();
      if (auto committed = commit_batch(at); !committed) {
        if (auto again = capture(false)) { // the batch is as before
          below_ = *std::move(again);
          batch_.read_from(*below_);
        }
        return committed;
      }
      const std::lock_guard lock{mutex_};
      memory_.now.advance(at);
      memory_.durable = memory_.now;
    }
    clear_batch();
    show(at);
    return {};
  }

  unflushed_rows unflushed() const override {
    const std::lock_guard lock{mutex_};
    if (!env_ || !layered_ || !has_unflushed())
      return unflushed_rows::none;
    const bool waits = memory_.frozen && !memory_.is_writing;
    return waits || is_over(1) ? unflushed_rows::due : unflushed_rows::some;
  }

  result<void> flush_all() override {
    if (closed_)
      return closed_error();
    return write_all();
  }

  result<void> flush_gently(const std::atomic<bool>& hurry) override {
    if (closed_)
      return closed_error();
    if (!env_ || !layered_)
      return {};
    {
      const std::lock_guard lock{mutex_};
      if (has_unflushed() && !memory_.frozen)
        freeze();
    }
    if (auto flushed = flush_frozen(&hurry); !flushed)
      return std::move(flushed).error();
    return {};
  }

  result<void> decide(const projection_decision& decision, table_checkpoint at) override {
    CAIRN_ASSERT(batch_.empty());
    if (auto flushed = flush_all(); !flushed) // which sees that it is not closed
      return flushed;
    if (env_) {
      auto committed = env_->commit(
          0, 1, {&at, 1}, [&](MDB_txn* txn) { return env_->write_decision(txn, decision); });
      if (!committed)
        return committed;
    }
    {
      const std::lock_guard lock{mutex_};
      if (!env_)
        decisions_.push_back(decision);
      memory_.now.advance(at);
      memory_.durable = memory_.now;
    }
    show(at);
    return {};
  }

  result<void> mark_live() override {
    if (auto flushed = flush_all(); !flushed)
      return flushed;
    live_ = true;
    if (!env_)
      return {};
    return env_->commit(0, 1, {}, [&](MDB_txn* txn) { return env_->write_live(txn); });
  }

  void abandon() noexcept override { abandoned_ = true; }

  result<void> close() override {
    const std::lock_guard one_at_a_time{closing_};
    if (closed_)
      return {};
    auto flushed = abandoned_ ? result<void>{} : write_all();
    closed_ = true;
    clear_batch();
    if (env_)
      env_->close();
    return flushed;
  }

private:
  template <class Use>
  auto on_disk(Use use) const -> decltype(use(nullptr)) {
    if (closed_)
      return closed_error();
    auto reader = env_->readers().acquire();
    if (!reader)
      return std::move(reader).error();
    return use(reader->txn());
  }

  /// The rows as of now. A reader's are `registered`, so that what it can see stays; the writer
  /// sees the newest, and changes nothing while it looks.
  result<std::unique_ptr<layered_snapshot>> capture(bool registered) const {
    if (closed_)
      return closed_error();
    std::optional<detail::reader_pool::lease> disk;
    // LMDB may show a commit before it is announced, and to who looks then the one before it. Not
    // for ever: a writer that died in between never announces.
    int patience = 10'000;
    for (;;) {
      const auto flushes = count_flushes();
      if (auto begun = begin_reading(disk, registered); !begun)
        return std::move(begun).error();
      if (!layered_) {
        auto at = env_->checkpoints(disk->txn());
        if (!at)
          return std::move(at).error();
        // By content: a transaction's number may be that of the commit before.
        const auto events = detail::events_up_to(*at);
        if (events < seen_ && patience-- > 0) {
          std::this_thread::yield();
          continue;
        }
        raise(seen_, events);
        return std::make_unique<layered_snapshot>(std::move(disk), layered_snapshot::layers{}, 0,
                                                  detail::positions_of(*at),
                                                  registered ? weak_from_this().lock() : nullptr);
      }
      const std::lock_guard lock{mutex_};
      if (flushes != memory_.flushes)
        continue; // rows left memory that this transaction may not have seen arrive on disk
      layered_snapshot::layers layers{memory_.current};
      if (memory_.frozen)
        layers.push_back(memory_.frozen);
      if (!registered)
        return std::make_unique<layered_snapshot>(std::move(disk), std::move(layers),
                                                  std::numeric_limits<std::uint64_t>::max());
      const auto at = memory_.in_use.insert(memory_.now.revision);
      return std::make_unique<layered_snapshot>(std::move(disk), std::move(layers), *at,
                                                detail::positions_of(memory_.now.shards),
                                                weak_from_this().lock(), [this, at] {
                                                  const std::lock_guard again{mutex_};
                                                  memory_.in_use.erase(at);
                                                });
    }
  }

  static void raise(std::atomic<std::uint64_t>& highest, std::uint64_t to) noexcept {
    auto before = highest.load();
    while (before < to && !highest.compare_exchange_weak(before, to)) {
    }
  }

  std::uint64_t count_flushes() const {
    const std::lock_guard lock{mutex_};
    return memory_.flushes;
  }

  result<void> begin_reading(std::optional<detail::reader_pool::lease>& disk, bool lasting) const {
    if (!env_)
      return {};
    if (disk)
      return disk->renew();
    auto reader = lasting ? env_->readers().acquire_lasting() : env_->readers().acquire();
    if (!reader)
      return std::move(reader).error();
    disk.emplace(*std::move(reader));
    return {};
  }

  void clear_batch() {
    below_.reset();
    batch_.clear();
  }

  /// Rows that are newer in memory than on disk; with the lock held.
  bool has_unflushed() const noexcept { return memory_.durable.revision < memory_.now.revision; }

  /// Readers see the rows as of `at`.
  void show(const table_checkpoint& at) {
    const std::lock_guard lock{visible_mutex_};
    visible_.advance(at.position);
  }

  result<void> commit_batch(const table_checkpoint& at) {
    const auto changes = batch_.rows().changes().in_order();
    return env_->commit(batch_.bytes(), batch_.size(), {&at, 1}, [&](MDB_txn* txn) {
      detail::row_writer rows;
      if (const int rc = env_->write_rows(txn, rows))
        return rc;
      for (auto* change : changes)
        if (const int rc = rows.write(detail::as_key(change->key), change->row.words))
          return rc;
      return 0;
    });
  }

  result<void> write_all() {
    if (!env_ || !layered_)
      return {};
    if (auto flushed = flush_frozen(); !flushed)
      return std::move(flushed).error();
    {
      const std::lock_guard lock{mutex_};
      if (has_unflushed() && !memory_.frozen)
        freeze();
    }
    if (auto flushed = flush_frozen(); !flushed) // what came after the first
      return std::move(flushed).error();
    return {};
  }

  void add_to_memory(const table_checkpoint& at) {
    const std::lock_guard lock{mutex_};
    memory_.now.advance(at);
    batch_.for_each(
        [&](auto& rows) { memory_.current->add(rows, memory_.now.revision, memory_.in_use); });
    freeze_if_due();
  }

  bool is_far_behind() const {
    const std::lock_guard lock{mutex_};
    return env_ && memory_.frozen && is_over(detail::layers_before_waiting);
  }
  bool is_over(std::size_t times) const {
    return memory_.current->rows() >= times * options_.flush_rows
           || memory_.current->bytes() >= times * options_.flush_bytes
           || memory_.now.events - memory_.durable.events >= (times + 1) * options_.flush_events;
  }

  void freeze_if_due() {
    if (env_ && !memory_.frozen && is_over(1))
      freeze();
  }
  void freeze() {
    memory_.frozen = std::move(memory_.current);
    memory_.frozen_at = memory_.now;
    memory_.current = std::make_shared<memtable>();
  }

  /// Writes the frozen layer; beside readers, and beside a writer that fills the next.
  /// `hurry`: it is to be done gently unless this is set.
  result<bool> flush_frozen(const std::atomic<bool>* hurry = nullptr) {
    const detail::flush_pace::waiter asked{pace_, hurry == nullptr};
    const std::lock_guard one_at_a_time{flushing_};
    std::shared_ptr<memtable> layer;
    detail::table_progress at;
    std::vector<table_checkpoint> newer;
    {
      const std::lock_guard lock{mutex_};
      layer = memory_.frozen;
      at = memory_.frozen_at;
      newer = at.newer_than(memory_.durable);
      memory_.is_writing = layer != nullptr;
    }
    if (!layer)
      return false;
    auto committed = env_->commit(layer->bytes(), layer->rows(), newer, [&](MDB_txn* txn) {
      detail::row_writer rows;
      if (const int rc = env_->write_rows(txn, rows))
        return rc;
      std::size_t written = 0;
      auto slice_began = std::chrono::steady_clock::now();
      return layer->for_each([&](detail::key_view key, std::span<std::uint64_t> row) {
        if (hurry && ++written % rows_in_a_slice == 0)
          slice_began = pace_.make_room(slice_began, *hurry, [this] { return is_over(2); });
        return rows.write(key, row);
      });
    });
    const std::lock_guard lock{mutex_};
    memory_.is_writing = false;
    if (!committed)
      return std::move(committed).error();
    memory_.frozen.reset(); // `layer` still holds the rows: they go without the lock
    ++memory_.flushes;
    memory_.durable = std::move(at);
    return true;
  }

  const table_store_options options_;
  const std::uint64_t process_ = detail::process_token();
  std::unique_ptr<table_env> env_;
  const bool layered_; // rows are visible in memory

  // The writer's.
  std::unique_ptr<layered_snapshot> below_;
  detail::parallel_batch batch_;

  std::mutex flushing_; // taken before mutex_
  std::mutex closing_;
  mutable std::mutex mutex_;
  mutable memory_state memory_;
  detail::flush_pace pace_{mutex_};
  std::vector<projection_decision> decisions_; // of rows in memory only
  // What `position` answers: it must not wait until a batch has been added under mutex_.
  mutable std::mutex visible_mutex_;
  shard_positions visible_;
  mutable std::atomic<std::uint64_t> seen_ = 0; // by readers of what is on disk: of how many events
  std::atomic<bool> live_ = false;
  std::atomic<bool> abandoned_ = false;
  std::atomic<bool> closed_ = false;
};

} // namespace

result<std::unique_ptr<table_store>> table_store::open(table_store_options options) {
  if (auto checked = detail::check_options(options); !checked)
    return std::move(checked).error();
  std::unique_ptr<table_env> env;
  if (!options.directory.empty()) {
    auto opened = table_env::open(options, {});
    if (!opened)
      return std::move(opened).error();
    env = *std::move(opened);
  }
  auto store = std::make_unique<lmdb_table_store>(std::move(env), std::move(options));
  if (auto started = store->start(); !started)
    return std::move(started).error();
  return std::unique_ptr<table_store>{std::move(store)};
}

result<std::unique_ptr<table_store>> table_store::open_for_reading(table_store_options options) {
  if (options.directory.empty())
    return error{errc::invalid_argument, "tables in memory cannot be opened a second time"};
  if (auto checked = detail::check_options(options); !checked)
    return std::move(checked).error();
  options.visibility = row_visibility::committed;
  auto env = table_env::open(options, {.read_only = true});
  if (!env)
    return std::move(env).error();
  return std::unique_ptr<table_store>{
      std::make_unique<lmdb_table_store>(*std::move(env), std::move(options))};
}

} // namespace cairn
