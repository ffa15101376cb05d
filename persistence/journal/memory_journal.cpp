#include <cairn/memory_journal.hpp>

#include "journal/append_outcomes.hpp"
#include "journal/commit_signal.hpp"
#include "journal/sequencer.hpp"
#include "records/record.hpp"
#include "records/text_check.hpp"
#include "schema_history/schema_history.hpp"
#include "support/only_shard.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <unordered_map>

namespace cairn {
namespace {

using detail::words_view;

/// Keeps records in the bytes that the LMDB journal would write, so that both decode alike.
class memory_journal final : public journal {
public:
  explicit memory_journal(memory_journal_options options) : options_{std::move(options)} {
    options_.max_event_bytes =
        std::clamp(options_.max_event_bytes, least_max_event_bytes, most_max_event_bytes);
    if (!options_.wall_clock)
      options_.wall_clock = std::chrono::system_clock::now;
  }
  ~memory_journal() override { (void)close(); }

  void submit(std::unique_ptr<append_operation> operation) override {
    const std::lock_guard one_at_a_time{submit_mutex_}; // completions keep the order of positions
    if (auto objection = apply(*operation))
      return detail::complete(std::move(operation), *std::move(objection));
    appended_.announce();
    std::vector<std::unique_ptr<append_operation>> one;
    one.push_back(std::move(operation));
    detail::complete_all(std::move(one));
  }

  result<stream_head> head(const stream_id& stream) const override {
    const std::lock_guard lock{mutex_};
    if (closed_)
      return detail::shut_down_error();
    return head_of(stream);
  }

  result<cairn::version> replay(const stream_id& stream, cairn::version from_version,
                                cairn::version to_version, event_visitor visitor) const override {
    const running_replay running{*this};
    if (!running)
      return detail::shut_down_error();
    if (auto checked = detail::check_replay_from(from_version); !checked)
      return std::move(checked).error();
    const auto last = std::min(to_version, locked_head(stream).version);
    cairn::version version = from_version;
    for (; version <= last; ++version) {
      auto went = show(position_of(stream, version), visitor);
      if (!went)
        return std::move(went).error();
      if (*went == visit_result::stop)
        return version;
    }
    return version - 1;
  }

  result<cairn::position> replay_all(cairn::position from_position,
                                     event_visitor visitor) const override {
    const running_replay running{*this};
    if (!running)
      return detail::shut_down_error();
    if (auto checked = detail::check_replay_from(from_position); !checked)
      return std::move(checked).error();
    const auto last = last_position();
    cairn::position position = from_position;
    for (; position <= last; ++position) {
      auto went = show(position, visitor);
      if (!went)
        return std::move(went).error();
      if (*went == visit_result::stop)
        return position;
    }
    return position - 1;
  }

  result<cairn::position> replay_tag(std::string_view tag, cairn::position from_position,
                                     event_visitor visitor) const override {
    const running_replay running{*this};
    if (!running)
      return detail::shut_down_error();
    if (auto checked = detail::check_replay_from(from_position); !checked)
      return std::move(checked).error();
    if (auto checked = detail::check_tag(tag); !checked)
      return std::move(checked).error();
    cairn::position last;
    for (const auto position : tagged(tag, from_position, last)) {
      auto went = show(position, visitor);
      if (!went)
        return std::move(went).error();
      if (*went == visit_result::stop)
        return position;
    }
    return std::max(last, from_position - 1);
  }

  result<std::optional<stream_id>> holder_of(std::string_view key) const override {
    if (auto checked = detail::check_key(key); !checked)
      return std::move(checked).error();
    const std::lock_guard lock{mutex_};
    if (closed_)
      return detail::shut_down_error();
    const auto found = holders_.find(std::string{key});
    return found == holders_.end() ? std::optional<stream_id>{} : found->second;
  }

  result<void> visit_streams(std::string_view prefix, stream_visitor visitor) const override {
    const running_replay running{*this};
    if (!running)
      return detail::shut_down_error();
    for (const auto& [name, head] : heads_with(prefix))
      if (visitor(name, head) == visit_result::stop)
        break;
    return {};
  }

  void submit_snapshot(snapshot_draft snapshot) override {
    const std::lock_guard lock{mutex_};
    if (closed_ || snapshot.at.version > head_of(snapshot.stream).version
        || snapshot.message.size() * sizeof(std::uint64_t) > max_snapshot_bytes)
      return;
    const auto kept = snapshots_.find(snapshot.stream.name());
    if (kept == snapshots_.end()) {
      std::string name = snapshot.stream.name();
      snapshots_.emplace(std::move(name),
                         std::make_shared<const snapshot_draft>(std::move(snapshot)));
    } else if (kept->second->at.version <= snapshot.at.version) {
      kept->second = std::make_shared<const snapshot_draft>(std::move(snapshot));
    }
  }

  result<bool> load_snapshot(const stream_id& stream,
                             function_ref<void(const snapshot_view&)> visitor) const override {
    const running_replay running{*this};
    if (!running)
      return detail::shut_down_error();
    const auto kept = snapshot_of(stream);
    if (!kept)
      return false;
    try {
      detail::message_in_place message{words_view{kept->message}, 0};
      visitor({kept->at, message.root<format::SnapshotRecord>()});
      return true;
    } catch (const kj::Exception&) {
      const std::lock_guard lock{mutex_};
      ++damaged_snapshots_;
      return false;
    }
  }

  result<void> declare_schemas(const schema_declaration& used) override {
    const std::lock_guard one_at_a_time{schemas_mutex_};
    auto words = detail::judge_schemas(*this, *this, used);
    if (!words)
      return std::move(words).error();
    if (words->empty())
      return {};
    const auto now = options_.wall_clock();
    const std::lock_guard lock{mutex_};
    schemas_.push_back({now, *std::move(words)});
    return {};
  }

  result<void> visit_schemas(function_ref<void(const schema_generation&)> visitor) const override {
    const running_replay running{*this};
    if (!running)
      return detail::shut_down_error();
    for (std::uint64_t number = 1; const kept_schemas* const kept = schemas_at(number); ++number) {
      try {
        detail::message_in_place message{words_view{kept->message}, 0};
        visitor({number, kept->recorded_at, message.root<format::SchemaGeneration>()});
      } catch (const kj::Exception& damage) {
        return error{errc::corrupt_journal, damage.getDescription().cStr()};
      }
    }
    return {};
  }

  cairn::position last_position() const noexcept override {
    const std::lock_guard lock{mutex_};
    return end();
  }

  result<cairn::position> wait_beyond(cairn::position position,
                                      std::chrono::steady_clock::time_point deadline,
                                      const std::stop_token& interrupt) const override {
    if (auto checked = detail::check_only_shard(position); !checked)
      return std::move(checked).error();
    if (!appended_.wait(deadline, interrupt, [&] { return last_position() > position; }))
      return detail::shut_down_error();
    return last_position();
  }

  journal_status status() const override {
    const std::lock_guard lock{mutex_};
    journal_status status;
    status.last_position = end();
    status.appended_events = records_.size();
    status.epoch = epoch;
    status.commits = commits_;
    status.appended_bytes = appended_bytes_;
    status.damaged_snapshots = damaged_snapshots_;
    return status;
  }

  /// Nothing ever stops it.
  result<void> reopen() override {
    const std::lock_guard lock{mutex_};
    return closed_ ? result<void>{detail::shut_down_error()} : result<void>{};
  }

  result<void> close() override {
    appended_.close();
    const std::lock_guard one_at_a_time{submit_mutex_};
    std::unique_lock lock{mutex_};
    closed_ = true;
    no_replays_.wait(lock, [&] { return replays_ == 0; });
    return {};
  }

private:
  static constexpr std::uint64_t epoch = 1;

  struct kept_schemas {
    std::chrono::sys_time<std::chrono::nanoseconds> recorded_at;
    std::vector<std::uint64_t> message;
  };

  /// Keeps `close` waiting while a visitor may be running.
  class running_replay {
  public:
    explicit running_replay(const memory_journal& journal) : journal_{journal} {
      const std::lock_guard lock{journal_.mutex_};
      granted_ = !journal_.closed_;
      journal_.replays_ += granted_ ? 1 : 0;
    }
    ~running_replay() {
      const std::lock_guard lock{journal_.mutex_};
      journal_.replays_ -= granted_ ? 1 : 0;
      journal_.no_replays_.notify_all();
    }
    running_replay(const running_replay&) = delete;
    running_replay& operator=(const running_replay&) = delete;
    explicit operator bool() const noexcept { return granted_; }

  private:
    const memory_journal& journal_;
    bool granted_;
  };

  /// What the sequencer writes, straight into memory: nothing here can fail.
  class appending {
  public:
    explicit appending(memory_journal& into) : into_{into} {}

    int find_head(const stream_id& stream, stream_head& head, std::optional<error>&) {
      head = into_.head_of(stream);
      return 0;
    }

    int find_holder(const std::string& key, std::string& holder, std::optional<error>&) {
      if (const auto found = into_.holders_.find(key); found != into_.holders_.end())
        holder = found->second.name();
      return 0;
    }

    int put(cairn::position position, std::span<const capnp::word> record) {
      CAIRN_ASSERT(position == into_.end() + 1);
      std::vector<std::uint64_t> words(record.size());
      std::memcpy(words.data(), record.data(), record.size_bytes());
      into_.appended_bytes_ += record.size_bytes();
      into_.records_.push_back(std::move(words));
      return 0;
    }

    int landed(const append_operation& operation, stream_head) {
      const commit& at = **operation.outcome;
      auto& positions = into_.streams_[operation.stream->name()];
      for (std::uint64_t i = 0; i < at.count; ++i)
        positions.push_back(at.first_position + i);
      for (const auto& [wanted, record] : operation.events.reservations()) {
        if (wanted.release)
          into_.holders_.erase(wanted.key);
        else
          into_.holders_.insert_or_assign(wanted.key, *operation.stream);
      }
      for (const auto& [tag, record] : operation.events.tags())
        into_.tags_[tag].push_back(at.first_position + record);
      ++into_.commits_;
      return 0;
    }

  private:
    memory_journal& into_;
  };

  /// Sets the operation's outcome; or says why it is not even looked at.
  std::optional<error> apply(append_operation& operation) {
    if (auto checked = detail::check_events(operation, options_.max_event_bytes); !checked)
      return std::move(checked).error();
    const auto now = options_.wall_clock().time_since_epoch();
    const std::lock_guard lock{mutex_};
    if (closed_)
      return detail::shut_down_error();
    appending into{*this};
    sequencer_.begin(end(), static_cast<std::uint64_t>(now.count()), epoch);
    sequencer_.append(operation, into);
    return std::nullopt;
  }

  result<visit_result> show(cairn::position position, event_visitor visitor) const {
    const words_view value = record_at(position);
    if (!detail::is_intact(detail::key_bytes(position), value,
                           detail::words_of<detail::event_header>))
      return detail::corrupt_event(position, "fails its checksum");
    try {
      const detail::event_in_place event{position, value};
      return visitor(event.view());
    } catch (const kj::Exception& damage) {
      return detail::corrupt_event(position, damage.getDescription().cStr());
    }
  }

  words_view record_at(cairn::position position) const {
    const std::lock_guard lock{mutex_};
    return records_[position.number() - 1]; // a record stays where it is while others are appended
  }

  cairn::position position_of(const stream_id& stream, cairn::version version) const {
    const std::lock_guard lock{mutex_};
    return streams_.at(stream.name())[version.number() - 1];
  }

  /// With the last position as of the same moment.
  std::vector<cairn::position> tagged(std::string_view tag, cairn::position from,
                                      cairn::position& last) const {
    const std::lock_guard lock{mutex_};
    last = end();
    const auto found = tags_.find(std::string{tag});
    if (found == tags_.end())
      return {};
    return {std::ranges::lower_bound(found->second, from), found->second.end()};
  }

  std::map<std::string, stream_head> heads_with(std::string_view prefix) const {
    std::map<std::string, stream_head> found;
    const std::lock_guard lock{mutex_};
    for (const auto& [name, positions] : streams_)
      if (name.starts_with(prefix))
        found.emplace(name, head_at(positions));
    return found;
  }

  stream_head locked_head(const stream_id& stream) const {
    const std::lock_guard lock{mutex_};
    return head_of(stream);
  }

  stream_head head_of(const stream_id& stream) const {
    const auto found = streams_.find(stream.name());
    if (found == streams_.end())
      return {};
    return head_at(found->second);
  }

  static stream_head head_at(const std::vector<cairn::position>& positions) {
    return {cairn::version{positions.size()}, positions.back()};
  }

  cairn::position end() const noexcept { return cairn::position{records_.size()}; }

  const kept_schemas* schemas_at(std::uint64_t number) const {
    const std::lock_guard lock{mutex_};
    return number <= schemas_.size() ? &schemas_[number - 1] : nullptr; // stays where it is
  }

  std::shared_ptr<const snapshot_draft> snapshot_of(const stream_id& stream) const {
    const std::lock_guard lock{mutex_};
    const auto found = snapshots_.find(stream.name());
    return found == snapshots_.end() ? nullptr : found->second;
  }

  memory_journal_options options_;
  std::mutex submit_mutex_;  // taken before mutex_
  std::mutex schemas_mutex_; // taken before mutex_
  mutable std::mutex mutex_;
  detail::sequencer sequencer_;
  mutable std::condition_variable no_replays_;
  mutable detail::commit_signal appended_;
  mutable std::size_t replays_ = 0;
  mutable std::uint64_t damaged_snapshots_ = 0;
  std::deque<std::vector<std::uint64_t>> records_;                        // position 1 first
  std::unordered_map<std::string, std::vector<cairn::position>> streams_; // positions by version
  std::unordered_map<std::string, stream_id> holders_;                    // by key
  std::unordered_map<std::string, std::vector<cairn::position>> tags_;    // positions
  std::unordered_map<std::string, std::shared_ptr<const snapshot_draft>> snapshots_;
  std::deque<kept_schemas> schemas_; // generation 1 first
  std::uint64_t commits_ = 0;
  std::uint64_t appended_bytes_ = 0;
  bool closed_ = false;
};

} // namespace

std::unique_ptr<journal> make_memory_journal(memory_journal_options options) {
  return std::make_unique<memory_journal>(std::move(options));
}

} // namespace cairn
