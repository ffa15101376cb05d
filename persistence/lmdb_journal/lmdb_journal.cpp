#include <cairn/lmdb_journal.hpp>

#include "journal/append_outcomes.hpp"
#include "lmdb_journal/head_rows.hpp"
#include "lmdb_journal/lmdb_store.hpp"
#include "lmdb_journal/lmdb_writer.hpp"
#include "lmdb_journal/schema_rows.hpp"
#include "lmdb_journal/snapshot_rows.hpp"
#include "lmdb_journal/stream_list.hpp"
#include "lmdb_journal/stream_walk.hpp"
#include "lmdb_journal/tag_rows.hpp"
#include "records/text_check.hpp"
#include "schema_history/schema_history.hpp"
#include "support/process_identity.hpp"

#include <atomic>
#include <limits>
#include <mutex>
#include <string>

namespace cairn {
namespace {

using detail::journal_reader;
using detail::journal_readers;
using detail::lmdb_store;
using detail::lmdb_writer;

detail::writer_options writer_options_of(const lmdb_journal_options& options) {
  detail::writer_options own{
      .limits = {options.max_commit_events, options.max_commit_bytes, options.max_queued_bytes},
      .flush_interval_events = options.flush_interval_events,
      .free_space_watermark_bytes = options.free_space_watermark_bytes,
      .directory = options.directory,
      .wall_clock = options.wall_clock};
  if (!own.wall_clock)
    own.wall_clock = std::chrono::system_clock::now;
  return own;
}

/// All that an open journal consists of, in the order of construction.
struct journal_parts {
  journal_parts(lmdb_store opened, const lmdb_journal_options& options)
    : store{std::move(opened)}, readers{store.env, store.dbs, options.max_readers},
      writer{store.env, store.dbs, writer_options_of(options)} {}

  lmdb_store store;
  journal_readers readers;
  lmdb_writer writer;
};

class lmdb_journal final : public journal {
public:
  lmdb_journal(lmdb_store store, const lmdb_journal_options& options)
    : max_event_bytes_{options.max_event_bytes}, parts_{std::make_unique<journal_parts>(
                                                     std::move(store), options)} {}

  ~lmdb_journal() override {
    if (inherited())
      (void)parts_.release(); // the parent's: its threads are not here, its locks not ours
    else
      (void)close();
  }

  result<void> start() { return parts_->writer.start(); }

  void submit(std::unique_ptr<append_operation> operation) override {
    if (inherited())
      return detail::complete(std::move(operation), detail::inherited_error());
    if (auto checked = detail::check_sizes(*operation, max_event_bytes_); !checked)
      return detail::complete(std::move(operation), std::move(checked).error());
    using answer = detail::append_queue::answer;
    switch (parts_->writer.queue().push(operation)) {
      case answer::taken: return;
      case answer::closed: return detail::complete(std::move(operation), detail::shut_down_error());
      case answer::full:
        return detail::complete(std::move(operation),
                                error{errc::overloaded, "the journal's queue is full"});
    }
  }

  result<stream_head> head(const stream_id& stream) const override {
    if (auto usable = check_usable(); !usable)
      return std::move(usable).error();
    if (const auto known = parts_->writer.tail().head(stream))
      return *known;
    auto reader = parts_->readers.acquire();
    if (!reader)
      return std::move(reader).error();
    return stored_head(*reader, stream);
  }

  result<std::uint64_t> replay(const stream_id& stream, std::uint64_t from_version,
                               std::uint64_t to_version, event_visitor visitor) const override {
    CAIRN_ASSERT(from_version >= 1);
    if (auto usable = check_usable(); !usable)
      return std::move(usable).error();
    // First the table, then the transaction: an entry leaves the table only after its row is
    // committed, so what is missing here is there.
    const auto known = parts_->writer.tail().head(stream);
    auto reader = parts_->readers.acquire();
    if (!reader)
      return std::move(reader).error();
    auto newest = known ? result<stream_head>{*known} : stored_head(*reader, stream);
    if (!newest)
      return std::move(newest).error();
    return detail::stream_walk{*reader, stream}.replay(*newest, from_version, to_version, visitor);
  }

  result<std::uint64_t> replay_all(std::uint64_t from_position,
                                   event_visitor visitor) const override {
    CAIRN_ASSERT(from_position >= 1);
    if (auto usable = check_usable(); !usable)
      return std::move(usable).error();
    const std::uint64_t last = last_position();
    auto reader = parts_->readers.acquire();
    if (!reader)
      return std::move(reader).error();
    return detail::replay_log(*reader, from_position, last, visitor);
  }

  result<std::uint64_t> replay_tag(std::string_view tag, std::uint64_t from_position,
                                   event_visitor visitor) const override {
    CAIRN_ASSERT(from_position >= 1);
    if (auto usable = check_usable(); !usable)
      return std::move(usable).error();
    if (auto checked = detail::check_tag(tag); !checked)
      return std::move(checked).error();
    const std::uint64_t last = last_position();
    const auto in_memory =
        parts_->writer.tail().tagged(tag, from_position); // before the transaction
    auto reader = parts_->readers.acquire();
    if (!reader)
      return std::move(reader).error();
    return detail::replay_tagged(*reader, tag, from_position, last, in_memory, visitor);
  }

  result<std::optional<stream_id>> holder_of(std::string_view key) const override {
    if (auto usable = check_usable(); !usable)
      return std::move(usable).error();
    if (auto checked = detail::check_key(key); !checked)
      return std::move(checked).error();
    auto known = parts_->writer.tail().holder(key); // before the transaction, as in replay
    auto reader = parts_->readers.acquire();
    if (!reader)
      return std::move(reader).error();
    stream_head row;
    if (!known)
      if (const int rc = detail::read_head_row(reader->txn(), reader->dbs().reservations, key, row))
        return detail::holder_row_error(key, rc);
    return detail::holder_at(reader->txn(), reader->dbs(), known.value_or(row));
  }

  result<void> visit_streams(std::string_view prefix, stream_visitor visitor) const override {
    if (auto usable = check_usable(); !usable)
      return usable;
    auto in_memory = parts_->writer.tail().streams(prefix); // before the transaction, as in replay
    auto reader = parts_->readers.acquire();
    if (!reader)
      return std::move(reader).error();
    return detail::visit_head_rows(*reader, prefix, std::move(in_memory), visitor);
  }

  void submit_snapshot(snapshot_draft snapshot) override {
    if (!inherited())
      parts_->writer.queue().push_snapshot(std::move(snapshot));
  }

  result<bool> load_snapshot(const stream_id& stream,
                             function_ref<void(const snapshot_view&)> visitor) const override {
    if (auto usable = check_usable(); !usable)
      return std::move(usable).error();
    auto reader = parts_->readers.acquire();
    if (!reader)
      return std::move(reader).error();
    auto state = detail::visit_snapshot(reader->txn(), reader->dbs(), stream, visitor);
    if (!state)
      return std::move(state).error();
    if (*state == detail::snapshot_state::damaged)
      damaged_snapshots_.fetch_add(1, std::memory_order_relaxed);
    return *state == detail::snapshot_state::visited;
  }

  result<void> declare_schemas(const schema_declaration& used) override {
    if (auto usable = check_usable(); !usable)
      return usable;
    const std::lock_guard one_at_a_time{schemas_mutex_};
    if (auto usable = check_usable(); !usable) // still: `close` waits for this lock
      return usable;
    auto words = detail::judge_schemas(*this, *this, used);
    if (!words)
      return std::move(words).error();
    return words->empty() ? result<void>{} : parts_->writer.append_schemas(*words);
  }

  result<void> visit_schemas(function_ref<void(const schema_generation&)> visitor) const override {
    if (auto usable = check_usable(); !usable)
      return usable;
    auto reader = parts_->readers.acquire();
    if (!reader)
      return std::move(reader).error();
    return detail::visit_schema_rows(reader->txn(), reader->dbs(), visitor);
  }

  std::uint64_t last_position() const noexcept override { return parts_->writer.last_position(); }

  result<std::uint64_t> wait_beyond(std::uint64_t position,
                                    std::chrono::steady_clock::time_point deadline,
                                    const std::stop_token& interrupt) const override {
    if (auto usable = check_usable(); !usable)
      return std::move(usable).error();
    const auto passed = [&] { return last_position() > position; };
    if (!passed() && !parts_->writer.committed().wait(deadline, interrupt, passed))
      return detail::shut_down_error();
    return last_position();
  }

  journal_status status() const override {
    journal_status status;
    parts_->writer.add_to(status);
    status.damaged_snapshots = damaged_snapshots_.load(std::memory_order_relaxed);
    if (!inherited())
      status.oldest_reader = parts_->readers.oldest();
    return status;
  }

  result<void> close() override {
    if (inherited())
      return detail::inherited_error();
    const std::lock_guard lock{close_mutex_};
    if (closed_.exchange(true))
      return {};
    parts_->writer.committed().close();
    auto stopped = parts_->writer.stop();
    parts_->readers.close();
    const std::lock_guard no_declaration{schemas_mutex_}; // it has a transaction of its own
    parts_->store.env.close();
    parts_->store.guard.leave();
    return stopped;
  }

private:
  bool inherited() const noexcept { return detail::process_token() != process_; }

  result<void> check_usable() const {
    if (inherited())
      return detail::inherited_error();
    if (closed_.load(std::memory_order_acquire))
      return detail::shut_down_error();
    return {};
  }

  static result<stream_head> stored_head(const journal_reader& reader, const stream_id& stream) {
    stream_head head;
    if (const int rc = detail::read_head_row(reader.txn(), reader.dbs().heads, stream.name(), head))
      return detail::head_row_error(stream, rc);
    return head;
  }

  const std::size_t max_event_bytes_;
  const std::uint64_t process_ = detail::process_token();
  std::unique_ptr<journal_parts> parts_;
  mutable std::atomic<std::uint64_t> damaged_snapshots_ = 0;
  std::mutex schemas_mutex_; // one declaration at a time, and none once the environment is closed
  std::mutex close_mutex_;
  std::atomic<bool> closed_ = false;
};

} // namespace

result<std::unique_ptr<journal>> detail::open_lmdb_journal(lmdb_journal_options options,
                                                           message_id new_id) {
  auto store = open_store(options, {.new_id = new_id});
  if (!store)
    return std::move(store).error();
  auto opened = std::make_unique<lmdb_journal>(*std::move(store), options);
  if (auto started = opened->start(); !started)
    return std::move(started).error();
  return std::unique_ptr<journal>{std::move(opened)};
}

result<std::unique_ptr<journal>> open_lmdb_journal(lmdb_journal_options options) {
  return detail::open_lmdb_journal(std::move(options), message_id::random());
}

} // namespace cairn
