#include <cairn/lmdb_journal.hpp>

#include "journal/append_outcomes.hpp"
#include "journal/commit_signal.hpp"
#include "lmdb_journal/lmdb_reads.hpp"
#include "lmdb_journal/tail_overlay.hpp"
#include "schema_history/schema_history.hpp"
#include "support/only_shard.hpp"

#include <algorithm>
#include <atomic>

namespace cairn {
namespace {

using namespace detail;

/// A journal that another process may be writing.
class lmdb_reading_journal final : public lmdb_reads {
public:
  lmdb_reading_journal(lmdb_store store, const lmdb_journal_options& options)
    : lmdb_reads{std::move(store), options.max_readers}, tail_{2 * options.flush_interval_events} {}

  ~lmdb_reading_journal() override {
    if (!inherited())
      (void)close();
  }

  void submit(std::unique_ptr<append_operation> operation) override {
    auto usable = check_usable();
    complete(std::move(operation),
             usable ? error{errc::journal_stopped, "the journal is open for reading only"}
                    : std::move(usable).error());
  }

  void submit_snapshot(snapshot_draft) override {}

  result<void> declare_schemas(const schema_declaration& used) override {
    auto words = judge_schemas(*this, *this, used);
    return words ? result<void>{} : std::move(words).error();
  }

  /// Costs a read transaction here: nobody tells this process what the writer commits.
  cairn::position last_position() const noexcept override {
    const auto last = look_for_last();
    cairn::position seen = last_seen_;
    while (last && *last > seen && !last_seen_.compare_exchange_weak(seen, *last)) {
    }
    return last ? std::max(*last, seen) : seen;
  }

  /// Looks again and again. What the writer could tell instead (a counter with a futex in shared
  /// memory) would cost each commit a system call or a shared count of those who wait, which a
  /// killed process leaves wrong; a look costs about a microsecond.
  result<cairn::position> wait_beyond(cairn::position position,
                                      std::chrono::steady_clock::time_point deadline,
                                      const std::stop_token& interrupt) const override {
    if (auto checked = check_only_shard(position); !checked)
      return std::move(checked).error();
    using clock = std::chrono::steady_clock;
    constexpr std::chrono::microseconds max_backoff{4'000};
    for (std::chrono::microseconds pause{100};; pause = std::min(2 * pause, max_backoff)) {
      auto last = look_for_last();
      const auto now = clock::now();
      if (!last || *last > position || now >= deadline || interrupt.stop_requested())
        return last;
      const auto wake_at = deadline - now > pause ? now + pause : deadline;
      if (!closing_.wait(wake_at, interrupt, [] { return false; }))
        return shut_down_error();
    }
  }

  /// A journal open for reading never stops.
  result<void> reopen() override { return check_usable(); }

private:
  result<located_head> locate(const stream_id& stream) const override {
    return tail_.locate(readers(), stream);
  }
  result<located_head> locate_key(std::string_view key) const override {
    return tail_.locate_key(readers(), key);
  }
  result<located_tag> locate_tag(std::string_view tag,
                                 cairn::position from_position) const override {
    return tail_.locate_tagged(readers(), tag, from_position);
  }
  result<located_streams> locate_streams(std::string_view prefix) const override {
    return tail_.locate_streams(readers(), prefix);
  }

  result<located_end> locate_end() const override {
    auto reader = readers().acquire();
    if (!reader)
      return std::move(reader).error();
    cairn::position last;
    if (const int rc = last_log_position(reader->txn(), reader->dbs(), last))
      return unreadable_end(rc);
    return located_end{*std::move(reader), last};
  }

  result<cairn::position> look_for_last() const {
    const use file{*this};
    if (auto allowed = file.allowed(); !allowed)
      return std::move(allowed).error();
    auto end = locate_end();
    if (!end)
      return std::move(end).error();
    return end->last;
  }

  void add_to(journal_status& status) const override { status.last_position = last_position(); }

  result<void> end() override {
    closing_.close();
    return {};
  }

  mutable tail_overlay tail_;
  mutable std::atomic<cairn::position> last_seen_ = cairn::position{};
  mutable commit_signal closing_; // nobody announces: it ends the waiting
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
