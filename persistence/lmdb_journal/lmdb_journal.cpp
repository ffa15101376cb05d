#include <cairn/lmdb_journal.hpp>

#include "journal/append_outcomes.hpp"
#include "lmdb_journal/lmdb_reads.hpp"
#include "lmdb_journal/lmdb_writer.hpp"
#include "lmdb_rows/head_rows.hpp"
#include "lmdb_rows/stream_walk.hpp"
#include "schema_history/schema_history.hpp"
#include "support/only_shard.hpp"

#include <cairn/table_store.hpp>

#include <mutex>
#include <string>

namespace cairn {
namespace {

using namespace detail;

writer_options writer_options_of(const lmdb_journal_options& options) {
  writer_options own{.flush_interval_events = options.flush_interval_events,
                     .free_space_watermark_bytes = options.free_space_watermark_bytes,
                     .directory = options.directory,
                     .wall_clock = options.wall_clock};
  if (!own.wall_clock)
    own.wall_clock = std::chrono::system_clock::now;
  return own;
}

class lmdb_journal final : public lmdb_reads {
public:
  lmdb_journal(lmdb_store opened, lmdb_journal_options options)
    : lmdb_reads{std::move(opened), options.max_readers}, options_{std::move(options)},
      writer_options_{writer_options_of(options_)}, id_{store().id},
      queue_{std::make_unique<append_queue>(queue_limits{
          options_.max_commit_events, options_.max_commit_bytes, options_.max_queued_bytes})},
      end_{std::make_unique<log_end>()} {}

  ~lmdb_journal() override {
    if (!inherited()) {
      (void)close();
      return;
    }
    // The parent's: its threads, which wait in there, are not here.
    (void)writer_.release();
    (void)queue_.release();
    (void)end_.release();
  }

  /// The file is open, and nobody uses it yet.
  result<void> start() {
    auto writer =
        std::make_unique<lmdb_writer>(store().env, store().dbs, *queue_, *end_, writer_options_);
    if (auto started = writer->start(); !started)
      return started;
    const std::lock_guard lock{writer_mutex_};
    writer_ = std::move(writer);
    return {};
  }

  void submit(std::unique_ptr<append_operation> operation) override {
    if (inherited())
      return complete(std::move(operation), inherited_error());
    if (auto checked = check_events(*operation, options_.max_event_bytes); !checked)
      return complete(std::move(operation), std::move(checked).error());
    using answer = append_queue::answer;
    switch (queue_->push(operation)) {
      case answer::taken: return;
      case answer::closed: return complete(std::move(operation), why_not_taken());
      case answer::full:
        return complete(std::move(operation),
                        error{errc::overloaded, "the journal's queue is full"});
    }
  }

  /// Without a transaction if memory knows it.
  result<stream_head> head(const stream_id& stream) const override {
    const use file{*this};
    if (auto allowed = file.allowed(); !allowed)
      return std::move(allowed).error();
    if (const auto known = writer_->tail().head(stream))
      return *known;
    auto found = locate(stream);
    return found ? result<stream_head>{found->head} : std::move(found).error();
  }

  void submit_snapshot(snapshot_draft snapshot) override {
    if (!inherited())
      queue_->push_snapshot(std::move(snapshot));
  }

  result<void> declare_schemas(const schema_declaration& used) override {
    if (auto usable = check_usable(); !usable)
      return usable;
    const std::lock_guard one_at_a_time{schemas_mutex_};
    const use file{*this};
    if (auto allowed = file.allowed(); !allowed)
      return allowed;
    auto words = judge_schemas(*this, *this, used);
    if (!words)
      return std::move(words).error();
    return words->empty() ? result<void>{} : writer_->append_schemas(*words);
  }

  cairn::position last_position() const noexcept override {
    return end_->position.load(std::memory_order_acquire);
  }

  result<cairn::position> wait_beyond(cairn::position position,
                                      std::chrono::steady_clock::time_point deadline,
                                      const std::stop_token& interrupt) const override {
    if (auto usable = check_usable(); !usable)
      return std::move(usable).error();
    if (auto checked = check_only_shard(position); !checked)
      return std::move(checked).error();
    const auto passed = [&] { return last_position() > position; };
    if (!passed() && !end_->moved.wait(deadline, interrupt, passed))
      return shut_down_error();
    return last_position();
  }

  result<void> reopen() override {
    if (inherited())
      return inherited_error();
    const std::lock_guard one_at_a_time{life_mutex_};
    if (is_closed())
      return shut_down_error();
    if (writer_ && !writer_->stopped())
      return {};
    passivate_all();
    auto store = open_store(options_, {});
    if (!store)
      return stay_closed(std::move(store).error());
    take_in_file(*std::move(store));
    auto opened = check_continues();
    if (opened)
      opened = start();
    if (!opened)
      return stay_closed(std::move(opened).error());
    use_file();
    end_->moved.announce();
    return {};
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
    const auto last = last_position();
    auto reader = readers().acquire();
    if (!reader)
      return std::move(reader).error();
    return located_end{*std::move(reader), last};
  }

  result<located_tag> locate_tag(std::string_view tag,
                                 cairn::position from_position) const override {
    const auto last = last_position();
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

  void add_to(journal_status& status) const override {
    status.last_position = last_position();
    const std::lock_guard lock{writer_mutex_};
    if (writer_)
      writer_->add_to(status);
    else
      status.stopped_by = stopped_by_;
  }

  result<void> end() override {
    end_->moved.close();
    auto stopped = writer_ ? writer_->stop() : result<void>{};
    const std::lock_guard no_declaration{schemas_mutex_}; // it has a transaction of its own
    return stopped;
  }

  // --- Opened again ----------------------------------------------------------------------------

  /// What an append is told that comes while nothing is taken in.
  error why_not_taken() const {
    auto usable = check_usable();
    return usable ? not_open_error() : std::move(usable).error();
  }

  static error not_open_error() {
    return {errc::journal_stopped, "the journal has stopped, and is not open again yet"};
  }

  void passivate_all() {
    if (writer_)
      note_what_is_known();
    let_go_of_file(not_open_error(), [this] {
      if (writer_)
        (void)writer_->stop();
    });
    const std::lock_guard lock{writer_mutex_};
    writer_.reset();
  }

  void note_what_is_known() {
    journal_status status;
    writer_->add_to(status);
    stopped_by_ = std::move(status.stopped_by);
    last_mark_ = mark_at(last_position());
  }

  /// Of the event there, selected from the file as it is; nothing if it cannot be read.
  std::optional<std::uint64_t> mark_at(cairn::position position) const {
    std::optional<std::uint64_t> mark;
    auto reader = readers().acquire();
    if (reader && !position.is_start())
      (void)replay_log(*reader, position, position, [&](const event_view& event) {
        mark = event_fingerprint(event);
        return visit_result::stop;
      });
    return mark;
  }

  /// That the file is the one that this journal wrote, with all that it has shown to anybody.
  result<void> check_continues() const {
    const auto last = last_position();
    const auto refuse = [](const std::string& what) {
      return error{errc::corrupt_journal, "the directory holds " + what
                                              + " than the journal that stopped; close it, and "
                                                "open what is there"};
    };
    if (store().id != id_)
      return refuse("another journal");
    const auto found = mark_at(last);
    if (!last.is_start() && (!found || (last_mark_ && found != last_mark_)))
      return refuse("other events up to position " + to_string(last));
    return {};
  }

  error stay_closed(error why) {
    if (has_file())
      let_go_of_file(not_open_error(), [] {});
    return why;
  }

  const lmdb_journal_options options_;
  const writer_options writer_options_;
  const message_id id_;
  std::unique_ptr<append_queue> queue_;
  std::unique_ptr<log_end> end_;
  mutable std::mutex writer_mutex_;     // guards the pointer where the file's gate does not
  std::unique_ptr<lmdb_writer> writer_; // null: the file is not open
  std::mutex schemas_mutex_; // one declaration at a time, and none once the environment is closed
  std::optional<error> stopped_by_;        // while there is no writer
  std::optional<std::uint64_t> last_mark_; // of the event at the last position, if it was readable
};

} // namespace

result<std::unique_ptr<journal>> detail::open_lmdb_journal(lmdb_journal_options options,
                                                           message_id new_id) {
  auto store = open_store(options, {.new_id = new_id});
  if (!store)
    return std::move(store).error();
  options.create = false; // when it is opened again, there is one
  auto opened = std::make_unique<lmdb_journal>(*std::move(store), std::move(options));
  if (auto started = opened->start(); !started)
    return std::move(started).error();
  return std::unique_ptr<journal>{std::move(opened)};
}

result<std::unique_ptr<journal>> open_lmdb_journal(lmdb_journal_options options) {
  return detail::open_lmdb_journal(std::move(options), message_id::random());
}

} // namespace cairn
