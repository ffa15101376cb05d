#include <cairn/lmdb_journal.hpp>

#include "journal/append_outcomes.hpp"
#include "journal/commit_signal.hpp"
#include "lmdb_journal/head_rows.hpp"
#include "lmdb_journal/lmdb_store.hpp"
#include "lmdb_journal/schema_rows.hpp"
#include "lmdb_journal/snapshot_rows.hpp"
#include "lmdb_journal/stream_list.hpp"
#include "lmdb_journal/stream_walk.hpp"
#include "lmdb_journal/tag_rows.hpp"
#include "lmdb_journal/tail_overlay.hpp"
#include "records/text_check.hpp"
#include "schema_history/schema_history.hpp"
#include "support/process_identity.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>

namespace cairn {
namespace {

using detail::journal_reader;
using detail::journal_readers;
using detail::lmdb_store;

struct reading_parts {
  reading_parts(lmdb_store opened, const lmdb_journal_options& options)
    : store{std::move(opened)}, readers{store.env, store.dbs, options.max_readers},
      tail{2 * options.flush_interval_events} {}

  lmdb_store store;
  journal_readers readers;
  detail::tail_overlay tail;
};

/// A journal that another process may be writing.
class lmdb_reading_journal final : public journal {
public:
  lmdb_reading_journal(lmdb_store store, const lmdb_journal_options& options)
    : parts_{std::make_unique<reading_parts>(std::move(store), options)} {}

  ~lmdb_reading_journal() override {
    if (inherited())
      (void)parts_.release(); // the parent's
    else
      (void)close();
  }

  void submit(std::unique_ptr<append_operation> operation) override {
    auto usable = check_usable();
    detail::complete(std::move(operation),
                     usable ? error{errc::journal_stopped, "the journal is open for reading only"}
                            : std::move(usable).error());
  }

  result<stream_head> head(const stream_id& stream) const override {
    auto found = locate(stream);
    if (!found)
      return std::move(found).error();
    return found->head;
  }

  result<std::uint64_t> replay(const stream_id& stream, std::uint64_t from_version,
                               std::uint64_t to_version, event_visitor visitor) const override {
    CAIRN_ASSERT(from_version >= 1);
    auto found = locate(stream);
    if (!found)
      return std::move(found).error();
    return detail::stream_walk{found->reader, stream}.replay(found->head, from_version, to_version,
                                                             visitor);
  }

  result<std::uint64_t> replay_all(std::uint64_t from_position,
                                   event_visitor visitor) const override {
    CAIRN_ASSERT(from_position >= 1);
    auto reader = acquire();
    if (!reader)
      return std::move(reader).error();
    auto last = last_in(*reader);
    if (!last)
      return last;
    return detail::replay_log(*reader, from_position, *last, visitor);
  }

  result<std::uint64_t> replay_tag(std::string_view tag, std::uint64_t from_position,
                                   event_visitor visitor) const override {
    CAIRN_ASSERT(from_position >= 1);
    if (auto usable = check_usable(); !usable)
      return std::move(usable).error();
    if (auto checked = detail::check_tag(tag); !checked)
      return std::move(checked).error();
    auto found = parts_->tail.locate_tagged(parts_->readers, tag, from_position);
    if (!found)
      return std::move(found).error();
    return detail::replay_tagged(found->reader, tag, from_position, found->last, found->positions,
                                 visitor);
  }

  result<std::optional<stream_id>> holder_of(std::string_view key) const override {
    if (auto usable = check_usable(); !usable)
      return std::move(usable).error();
    if (auto checked = detail::check_key(key); !checked)
      return std::move(checked).error();
    auto found = parts_->tail.locate_key(parts_->readers, key);
    if (!found)
      return std::move(found).error();
    return detail::holder_at(found->reader.txn(), found->reader.dbs(), found->head);
  }

  result<void> visit_streams(std::string_view prefix, stream_visitor visitor) const override {
    if (auto usable = check_usable(); !usable)
      return usable;
    auto found = parts_->tail.locate_streams(parts_->readers, prefix);
    if (!found)
      return std::move(found).error();
    return detail::visit_head_rows(found->reader, prefix, std::move(found->heads), visitor);
  }

  void submit_snapshot(snapshot_draft) override {}

  result<bool> load_snapshot(const stream_id& stream,
                             function_ref<void(const snapshot_view&)> visitor) const override {
    auto reader = acquire();
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
    auto words = detail::judge_schemas(*this, *this, used);
    return words ? result<void>{} : std::move(words).error();
  }

  result<void> visit_schemas(function_ref<void(const schema_generation&)> visitor) const override {
    auto reader = acquire();
    if (!reader)
      return std::move(reader).error();
    return detail::visit_schema_rows(reader->txn(), reader->dbs(), visitor);
  }

  /// Costs a read transaction here: nobody tells this process what the writer commits.
  std::uint64_t last_position() const noexcept override {
    const auto last = look_for_last();
    std::uint64_t seen = last_seen_;
    while (last && *last > seen && !last_seen_.compare_exchange_weak(seen, *last)) {
    }
    return last ? std::max(*last, seen) : seen;
  }

  /// Looks again and again. What the writer could tell instead (a counter with a futex in shared
  /// memory) would cost each commit a system call or a shared count of those who wait, which a
  /// killed process leaves wrong; a look costs about a microsecond.
  result<std::uint64_t> wait_beyond(std::uint64_t position,
                                    std::chrono::steady_clock::time_point deadline,
                                    const std::stop_token& interrupt) const override {
    using clock = std::chrono::steady_clock;
    constexpr std::chrono::microseconds longest_pause{4'000};
    for (std::chrono::microseconds pause{100};; pause = std::min(2 * pause, longest_pause)) {
      auto last = look_for_last();
      const auto now = clock::now();
      if (!last || *last > position || now >= deadline || interrupt.stop_requested())
        return last;
      const auto wake_at = deadline - now > pause ? now + pause : deadline;
      if (!closing_.wait(wake_at, interrupt, [] { return false; }))
        return detail::shut_down_error();
    }
  }

  journal_status status() const override {
    journal_status status;
    status.last_position = last_position();
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
    closing_.close();
    parts_->readers.close();
    parts_->store.env.close();
    parts_->store.guard.leave();
    return {};
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

  result<journal_reader> acquire() const {
    if (auto usable = check_usable(); !usable)
      return std::move(usable).error();
    return parts_->readers.acquire();
  }

  static result<std::uint64_t> last_in(const journal_reader& reader) {
    std::uint64_t last = 0;
    if (const int rc = detail::last_log_position(reader.txn(), reader.dbs(), last))
      return detail::lmdb_error(errc::io_failed, "cannot read the log", rc);
    return last;
  }

  result<std::uint64_t> look_for_last() const {
    auto reader = acquire();
    if (!reader)
      return std::move(reader).error();
    return last_in(*reader);
  }

  result<detail::tail_overlay::located> locate(const stream_id& stream) const {
    if (auto usable = check_usable(); !usable)
      return std::move(usable).error();
    return parts_->tail.locate(parts_->readers, stream);
  }

  const std::uint64_t process_ = detail::process_token();
  std::unique_ptr<reading_parts> parts_;
  mutable std::atomic<std::uint64_t> damaged_snapshots_ = 0;
  mutable std::atomic<std::uint64_t> last_seen_ = 0;
  mutable detail::commit_signal closing_; // nobody announces: it ends the waiting
  std::mutex close_mutex_;
  std::atomic<bool> closed_ = false;
};

} // namespace

result<std::unique_ptr<journal>> open_lmdb_journal_for_reading(lmdb_journal_options options) {
  auto store = detail::open_store(options, {.read_only = true});
  if (!store)
    return std::move(store).error();
  return std::unique_ptr<journal>{
      std::make_unique<lmdb_reading_journal>(*std::move(store), options)};
}

} // namespace cairn
