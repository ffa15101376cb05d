#include <cairn/lmdb_journal.hpp>

#include "journal/append_outcomes.hpp"
#include "lmdb_journal/head_rows.hpp"
#include "lmdb_journal/lmdb_reads.hpp"
#include "lmdb_journal/lmdb_writer.hpp"
#include "schema_history/schema_history.hpp"

#include <mutex>
#include <string>

namespace cairn {
namespace {

using namespace detail;

writer_options writer_options_of(const lmdb_journal_options& options) {
  writer_options own{
      .limits = {options.max_commit_events, options.max_commit_bytes, options.max_queued_bytes},
      .flush_interval_events = options.flush_interval_events,
      .free_space_watermark_bytes = options.free_space_watermark_bytes,
      .directory = options.directory,
      .wall_clock = options.wall_clock};
  if (!own.wall_clock)
    own.wall_clock = std::chrono::system_clock::now;
  return own;
}

class lmdb_journal final : public lmdb_reads {
public:
  lmdb_journal(lmdb_store opened, const lmdb_journal_options& options)
    : lmdb_reads{std::move(opened), options.max_readers}, max_event_bytes_{options.max_event_bytes},
      writer_{std::make_unique<lmdb_writer>(store().env, store().dbs, writer_options_of(options))} {
  }

  ~lmdb_journal() override {
    if (inherited())
      (void)writer_.release(); // the parent's: its threads are not here
    else
      (void)close();
  }

  result<void> start() { return writer_->start(); }

  void submit(std::unique_ptr<append_operation> operation) override {
    if (inherited())
      return complete(std::move(operation), inherited_error());
    if (auto checked = check_sizes(*operation, max_event_bytes_); !checked)
      return complete(std::move(operation), std::move(checked).error());
    using answer = append_queue::answer;
    switch (writer_->queue().push(operation)) {
      case answer::taken: return;
      case answer::closed: return complete(std::move(operation), shut_down_error());
      case answer::full:
        return complete(std::move(operation),
                        error{errc::overloaded, "the journal's queue is full"});
    }
  }

  /// Without a transaction if memory knows it.
  result<stream_head> head(const stream_id& stream) const override {
    if (auto usable = check_usable(); !usable)
      return std::move(usable).error();
    if (const auto known = writer_->tail().head(stream))
      return *known;
    return lmdb_reads::head(stream);
  }

  void submit_snapshot(snapshot_draft snapshot) override {
    if (!inherited())
      writer_->queue().push_snapshot(std::move(snapshot));
  }

  result<void> declare_schemas(const schema_declaration& used) override {
    if (auto usable = check_usable(); !usable)
      return usable;
    const std::lock_guard one_at_a_time{schemas_mutex_};
    if (auto usable = check_usable(); !usable) // still: `close` waits for this lock
      return usable;
    auto words = judge_schemas(*this, *this, used);
    if (!words)
      return std::move(words).error();
    return words->empty() ? result<void>{} : writer_->append_schemas(*words);
  }

  std::uint64_t last_position() const noexcept override { return writer_->last_position(); }

  result<std::uint64_t> wait_beyond(std::uint64_t position,
                                    std::chrono::steady_clock::time_point deadline,
                                    const std::stop_token& interrupt) const override {
    if (auto usable = check_usable(); !usable)
      return std::move(usable).error();
    const auto passed = [&] { return last_position() > position; };
    if (!passed() && !writer_->committed().wait(deadline, interrupt, passed))
      return shut_down_error();
    return last_position();
  }

private:
  // First memory, then the transaction: an entry leaves memory only after its row is committed, so
  // what is missing in the one is in the other.

  result<located_head> locate(const stream_id& stream) const override {
    const auto known = writer_->tail().head(stream);
    auto reader = readers().acquire();
    if (!reader)
      return std::move(reader).error();
    stream_head row;
    if (!known)
      if (const int rc = read_head_row(reader->txn(), reader->dbs().heads, stream.name(), row))
        return head_row_error(stream, rc);
    return located_head{*std::move(reader), known.value_or(row)};
  }

  result<located_head> locate_key(std::string_view key) const override {
    const auto known = writer_->tail().holder(key);
    auto reader = readers().acquire();
    if (!reader)
      return std::move(reader).error();
    stream_head row;
    if (!known)
      if (const int rc = read_head_row(reader->txn(), reader->dbs().reservations, key, row))
        return holder_row_error(key, rc);
    return located_head{*std::move(reader), known.value_or(row)};
  }

  result<located_end> locate_end() const override {
    const std::uint64_t last = last_position();
    auto reader = readers().acquire();
    if (!reader)
      return std::move(reader).error();
    return located_end{*std::move(reader), last};
  }

  result<located_tag> locate_tag(std::string_view tag, std::uint64_t from_position) const override {
    const std::uint64_t last = last_position();
    auto in_memory = writer_->tail().tagged(tag, from_position);
    auto reader = readers().acquire();
    if (!reader)
      return std::move(reader).error();
    return located_tag{*std::move(reader), last, std::move(in_memory)};
  }

  result<located_streams> locate_streams(std::string_view prefix) const override {
    auto in_memory = writer_->tail().streams(prefix);
    auto reader = readers().acquire();
    if (!reader)
      return std::move(reader).error();
    return located_streams{*std::move(reader), std::move(in_memory)};
  }

  void add_to(journal_status& status) const override { writer_->add_to(status); }

  result<void> end() override {
    writer_->committed().close();
    auto stopped = writer_->stop();
    const std::lock_guard no_declaration{schemas_mutex_}; // it has a transaction of its own
    return stopped;
  }

  const std::size_t max_event_bytes_;
  std::unique_ptr<lmdb_writer> writer_;
  std::mutex schemas_mutex_; // one declaration at a time, and none once the environment is closed
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
