#include "consumers/event_source.hpp"

#include "support/only_shard.hpp"

#include <cairn/aggregate.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace cairn::detail {
namespace {

/// `fill` returns after so many records were looked through, whatever it found: rare events do not
/// wait for a full batch, deadlines are looked at, and no read transaction lasts for a whole log.
constexpr std::uint64_t longest_scan = 65'536;

struct every_event {
  bool operator()(const event_view&) const noexcept { return true; }
};

struct of_aggregate_type {
  bool operator()(const event_view& event) const { return event.stream().starts_with(prefix); }
  std::string prefix; // "type/"
};

/// Reads the whole log and picks.
template <class Filter>
class log_source final : public event_source {
public:
  log_source(const log_reader& log, gate* entrance, cairn::position after, Filter filter)
    : event_source{log, entrance, after}, filter_{std::move(filter)} {}

  bool selects_all() const noexcept override { return std::is_same_v<Filter, every_event>; }
  void seek(cairn::position position) override { position_ = position; }

private:
  result<void> copy(event_buffer& into, const fill_limits& limits, const std::stop_token& interrupt,
                    observer copied) override {
    std::uint64_t scanned = 0;
    const auto pick = [&](const event_view& event) {
      if (filter_(event)) {
        into.add(event);
        copied(event);
      }
      position_ = event.position();
      ++scanned;
      const bool enough =
          position_ >= limits.last_position || limits.reached(into) || scanned >= longest_scan;
      return enough || interrupt.stop_requested() ? visit_result::stop : visit_result::proceed;
    };
    if (auto looked = log_.replay_all(position_ + 1, pick); !looked)
      return std::move(looked).error();
    return {};
  }

  const Filter filter_;
};

/// Asks the index of tags.
class tag_source final : public event_source {
public:
  tag_source(const log_reader& log, const event_index& index, gate* entrance, cairn::position after,
             std::string tag)
    : event_source{log, entrance, after}, index_{index}, tag_{std::move(tag)} {}

  void seek(cairn::position position) override { position_ = position; }

private:
  result<void> copy(event_buffer& into, const fill_limits& limits, const std::stop_token& interrupt,
                    observer copied) override {
    const auto take = [&](const event_view& event) {
      if (event.position() > limits.last_position)
        return visit_result::stop;
      into.add(event);
      copied(event);
      position_ = event.position();
      return limits.reached(into) || interrupt.stop_requested() ? visit_result::stop
                                                                : visit_result::proceed;
    };
    auto searched = index_.replay_tag(tag_, position_ + 1, take);
    if (!searched)
      return std::move(searched).error();
    position_ = std::max(position_, std::min(*searched, limits.last_position));
    return {};
  }

  const event_index& index_;
  const std::string tag_;
};

/// Reads one stream by its back pointers. That walk starts at the stream's end each time, so it is
/// made once for all that is there: what does not fit into the batch is remembered by its position,
/// 8 bytes an event.
class stream_source final : public event_source {
public:
  stream_source(const log_reader& log, const stream_reader& events, gate* entrance,
                cairn::position after, stream_id stream, cairn::version next_version)
    : event_source{log, entrance, after}, events_{events}, stream_{std::move(stream)},
      next_version_{next_version} {}

  void seek(cairn::position position) override {
    if (position < position_) {
      next_version_ = cairn::version{1};
      forget();
    }
    while (next_remembered_ < remembered_.size() && remembered_[next_remembered_] <= position)
      ++next_remembered_;
    if (next_remembered_ == remembered_.size())
      forget();
    position_ = position;
  }

private:
  result<void> copy(event_buffer& into, const fill_limits& limits, const std::stop_token& interrupt,
                    observer copied) override {
    return remembered_.empty() ? walk(into, limits, interrupt, copied)
                               : fetch(into, limits, interrupt, copied);
  }

  result<void> walk(event_buffer& into, const fill_limits& limits, const std::stop_token& interrupt,
                    observer copied) {
    const auto durable = log_.last_position(); // before the head: it may only be newer
    const auto head = events_.head(stream_);
    if (!head)
      return head.error();
    if (head->version >= next_version_) {
      const auto take = [&](const event_view& event) {
        next_version_ = event.version() + 1;
        if (event.position() <= position_)
          return visit_result::proceed; // it was there before the start
        if (limits.reached(into) || event.position() > limits.last_position) {
          remembered_.push_back(event.position());
        } else {
          into.add(event);
          copied(event);
          position_ = event.position();
        }
        return interrupt.stop_requested() ? visit_result::stop : visit_result::proceed;
      };
      if (auto walked = events_.replay(stream_, next_version_, head->version, take); !walked)
        return std::move(walked).error();
    }
    if (next_version_ > head->version)
      pass_to(std::min(durable, limits.last_position));
    return {};
  }

  void forget() {
    remembered_ = {};
    next_remembered_ = 0;
  }

  /// Nothing of the stream lies between the copied events and `position`, but what is remembered.
  void pass_to(cairn::position position) {
    if (next_remembered_ < remembered_.size())
      position = std::min(position, remembered_[next_remembered_] - 1);
    position_ = std::max(position_, position);
  }

  /// Events at neighbouring positions are read in one go.
  result<void> fetch(event_buffer& into, const fill_limits& limits,
                     const std::stop_token& interrupt, observer copied) {
    while (next_remembered_ < remembered_.size()
           && remembered_[next_remembered_] <= limits.last_position && !limits.reached(into)
           && !interrupt.stop_requested()) {
      const auto take = [&](const event_view& event) {
        into.add(event);
        copied(event);
        position_ = event.position();
        const bool neighbour = ++next_remembered_ < remembered_.size()
                               && remembered_[next_remembered_] == position_ + 1
                               && position_ < limits.last_position;
        return neighbour && !limits.reached(into) ? visit_result::proceed : visit_result::stop;
      };
      if (auto fetched = log_.replay_all(remembered_[next_remembered_], take); !fetched)
        return std::move(fetched).error();
    }
    if (next_remembered_ == remembered_.size())
      forget();
    else if (!limits.reached(into) && !interrupt.stop_requested())
      pass_to(limits.last_position);
    return {};
  }

  const stream_reader& events_;
  const stream_id stream_;
  cairn::version next_version_;
  std::vector<cairn::position> remembered_;
  std::size_t next_remembered_ = 0;
};

using made_source = result<std::unique_ptr<event_source>>;

/// Makes the source for each kind of selection.
struct source_maker {
  const journal& events;
  gate* entrance;
  cairn::position after;

  template <class Filter>
  made_source look_through_log(Filter filter) const {
    return std::unique_ptr<event_source>{
        std::make_unique<log_source<Filter>>(events, entrance, after, std::move(filter))};
  }

  made_source operator()(const event_selection::everything&) const {
    return look_through_log(every_event{});
  }

  made_source operator()(const event_selection::aggregate_type& type) const {
    if (!valid_type_name(type.name))
      return error{errc::invalid_argument,
                   "an aggregate type is 1 to 64 of a-z 0-9 - _ ., not \"" + type.name + '"'};
    return look_through_log(of_aggregate_type{type.name + '/'});
  }

  made_source operator()(const event_selection::one_tag& tag) const {
    // The journal knows which tags there can be.
    const auto nothing = [](const event_view&) { return visit_result::stop; };
    if (auto asked = events.replay_tag(tag.name, after + 1, nothing); !asked)
      return std::move(asked).error();
    return std::unique_ptr<event_source>{
        std::make_unique<tag_source>(events, events, entrance, after, tag.name)};
  }

  made_source operator()(const event_selection::one_stream& one) const {
    const auto head = events.head(one.id);
    if (!head)
      return head.error();
    // What the head tells spares the walk if all of the stream lies before the start. What was
    // appended since `after` was read is new also to one who starts now.
    const bool all_before = head->position <= after;
    return std::unique_ptr<event_source>{
        std::make_unique<stream_source>(events, events, entrance, after, one.id,
                                        all_before ? head->version + 1 : cairn::version{1})};
  }
};

error is_closed() {
  return {errc::shut_down, "the runtime is closed"};
}

/// Inside the gate, if there is one.
class visitor_of_journal {
public:
  explicit visitor_of_journal(gate* entrance) {
    if (entrance)
      inside_.emplace(*entrance);
  }
  bool may_read() const noexcept { return !inside_ || *inside_; }

private:
  std::optional<gate::holder> inside_;
};

} // namespace

result<void> event_source::fill(event_buffer& into, const fill_limits& limits,
                                const std::stop_token& interrupt, observer copied) {
  const visitor_of_journal visitor{entrance_};
  return visitor.may_read() ? copy(into, limits, interrupt, copied) : result<void>{is_closed()};
}

result<void> event_source::wait_beyond(cairn::position position,
                                       std::chrono::steady_clock::time_point deadline,
                                       const std::stop_token& interrupt) const {
  const visitor_of_journal visitor{entrance_};
  if (!visitor.may_read())
    return is_closed();
  if (auto waited = log_.wait_beyond(position, deadline, interrupt); !waited)
    return std::move(waited).error();
  return {};
}

cairn::position event_source::last_position() const noexcept {
  const visitor_of_journal visitor{entrance_};
  return visitor.may_read() ? log_.last_position() : cairn::position{};
}

std::optional<std::chrono::sys_time<std::chrono::nanoseconds>>
event_source::recorded_after(cairn::position position) const {
  std::optional<std::chrono::sys_time<std::chrono::nanoseconds>> found;
  const visitor_of_journal visitor{entrance_};
  if (visitor.may_read())
    (void)log_.replay_all(position + 1, [&](const event_view& event) {
      found = event.recorded_at();
      return visit_result::stop;
    });
  return found;
}

table_checkpoint event_source::checkpoint_at(cairn::position position) const {
  table_checkpoint at{position, 0};
  const visitor_of_journal visitor{entrance_};
  if (!position.is_start() && visitor.may_read())
    (void)log_.replay_all(position, [&](const event_view& event) {
      at.event_fingerprint = event_fingerprint(event);
      return visit_result::stop;
    });
  return at;
}

made_source make_event_source(const journal& events, gate* entrance,
                              const event_selection& selection, subscription_start start) {
  const visitor_of_journal visitor{entrance};
  if (!visitor.may_read())
    return is_closed();
  const auto last = events.last_position();
  const auto after = start.is_now() ? last : start.position();
  if (auto checked = check_only_shard(after, last.shard()); !checked)
    return std::move(checked).error();
  if (after > last)
    return error{errc::invalid_argument, "position " + to_string(after)
                                             + " is beyond the journal's end, position "
                                             + to_string(last)};
  return std::visit(source_maker{events, entrance, after}, selection.what());
}

std::unique_ptr<event_source> make_log_source(const log_reader& log, cairn::position position) {
  return std::make_unique<log_source<every_event>>(log, nullptr, position, every_event{});
}

result<void> check_same_history(const event_source& events, const table_checkpoint& at,
                                const std::string& what) {
  const auto expected = at.position <= events.last_position() ? events.checkpoint_at(at.position)
                                                              : table_checkpoint{};
  if (expected.position == at.position
      && (at.event_fingerprint == 0 || expected.event_fingerprint == at.event_fingerprint))
    return {};
  return error{errc::corrupt_journal,
               what + " up to position " + to_string(at.position)
                   + " of another history than this journal's; remove their directory to have them "
                     "built anew"};
}

} // namespace cairn::detail
