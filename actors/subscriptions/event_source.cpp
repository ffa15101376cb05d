#include "subscriptions/event_source.hpp"

#include <cairn/aggregate.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::detail {
namespace {

/// `fill` returns after so many records were looked through, whatever it found: rare events do not
/// wait for a full batch, deadlines are looked at, and no read transaction lasts for a whole log.
constexpr std::uint64_t longest_scan = 65'536;

struct batch_limits {
  std::size_t events;
  std::size_t bytes;

  bool reached(const event_buffer& batch) const noexcept {
    return batch.size() >= events || batch.bytes() >= bytes;
  }
};

struct every_event {
  bool operator()(const event_view&) const noexcept { return true; }
};

struct of_aggregate_type {
  bool operator()(const event_view& event) const { return event.stream().starts_with(prefix); }
  std::string prefix; // "type/"
};

/// Looks further in the log from where it is.
class log_follower : public event_source {
public:
  log_follower(const log_reader& log, std::uint64_t after, batch_limits limits)
    : log_{log}, limits_{limits}, position_{after} {}

  result<void> wait(std::chrono::steady_clock::time_point deadline,
                    const std::stop_token& interrupt) const final {
    if (auto waited = log_.wait_beyond(position_, deadline, interrupt); !waited)
      return std::move(waited).error();
    return {};
  }

  std::uint64_t position() const noexcept final { return position_; }

protected:
  const log_reader& log_;
  const batch_limits limits_;
  std::uint64_t position_;
};

/// Reads the whole log and picks.
template <class Filter>
class log_source final : public log_follower {
public:
  log_source(const log_reader& log, Filter filter, std::uint64_t after, batch_limits limits)
    : log_follower{log, after, limits}, filter_{std::move(filter)} {}

  result<void> fill(event_buffer& into, const std::stop_token& interrupt) override {
    std::uint64_t scanned = 0;
    const auto pick = [&](const event_view& event) {
      if (filter_(event))
        into.add(event);
      position_ = event.position();
      ++scanned;
      const bool enough = limits_.reached(into) || scanned >= longest_scan;
      return enough || interrupt.stop_requested() ? visit::stop : visit::go_on;
    };
    if (auto looked = log_.replay_all(position_ + 1, pick); !looked)
      return std::move(looked).error();
    return {};
  }

private:
  const Filter filter_;
};

/// Asks the index of tags.
class tag_source final : public log_follower {
public:
  tag_source(const log_reader& log, const event_index& index, std::string tag, std::uint64_t after,
             batch_limits limits)
    : log_follower{log, after, limits}, index_{index}, tag_{std::move(tag)} {}

  result<void> fill(event_buffer& into, const std::stop_token& interrupt) override {
    const auto take = [&](const event_view& event) {
      into.add(event);
      position_ = event.position();
      return limits_.reached(into) || interrupt.stop_requested() ? visit::stop : visit::go_on;
    };
    auto searched = index_.replay_tag(tag_, position_ + 1, take);
    if (!searched)
      return std::move(searched).error();
    position_ = *searched;
    return {};
  }

private:
  const event_index& index_;
  const std::string tag_;
};

/// Reads one stream by its back pointers. That walk starts at the stream's end each time, so it is
/// made once for all that is there: what does not fit into the batch is remembered by its position,
/// 8 bytes an event.
class stream_source final : public event_source {
public:
  stream_source(const log_reader& log, const stream_reader& events, stream_id stream,
                std::uint64_t next_version, std::uint64_t after, batch_limits limits)
    : log_{log}, events_{events}, stream_{std::move(stream)}, limits_{limits},
      next_version_{next_version}, position_{after}, looked_up_to_{after} {}

  result<void> fill(event_buffer& into, const std::stop_token& interrupt) override {
    return remembered_.empty() ? walk(into, interrupt) : fetch(into, interrupt);
  }

  result<void> wait(std::chrono::steady_clock::time_point deadline,
                    const std::stop_token& interrupt) const override {
    if (!remembered_.empty())
      return {};
    if (auto waited = log_.wait_beyond(looked_up_to_, deadline, interrupt); !waited)
      return std::move(waited).error();
    return {};
  }

  std::uint64_t position() const noexcept override { return position_; }

private:
  result<void> walk(event_buffer& into, const std::stop_token& interrupt) {
    const std::uint64_t durable = log_.last_position(); // before the head: it may only be newer
    const auto head = events_.head(stream_);
    if (!head)
      return head.error();
    if (head->version >= next_version_) {
      const auto take = [&](const event_view& event) {
        next_version_ = event.version() + 1;
        if (event.position() <= position_)
          return visit::go_on; // it was there before the start
        if (limits_.reached(into)) {
          remembered_.push_back(event.position());
        } else {
          into.add(event);
          position_ = event.position();
        }
        return interrupt.stop_requested() ? visit::stop : visit::go_on;
      };
      if (auto walked = events_.replay(stream_, next_version_, head->version, take); !walked)
        return std::move(walked).error();
    }
    looked_up_to_ = std::max(looked_up_to_, durable);
    if (remembered_.empty() && next_version_ > head->version)
      position_ = std::max(position_, durable);
    return {};
  }

  /// Events at neighbouring positions are read in one go.
  result<void> fetch(event_buffer& into, const std::stop_token& interrupt) {
    while (next_remembered_ < remembered_.size() && !limits_.reached(into)
           && !interrupt.stop_requested()) {
      const auto take = [&](const event_view& event) {
        into.add(event);
        position_ = event.position();
        const bool neighbour = ++next_remembered_ < remembered_.size()
                               && remembered_[next_remembered_] == position_ + 1;
        return neighbour && !limits_.reached(into) ? visit::go_on : visit::stop;
      };
      if (auto fetched = log_.replay_all(remembered_[next_remembered_], take); !fetched)
        return std::move(fetched).error();
    }
    if (next_remembered_ == remembered_.size()) {
      remembered_ = {};
      next_remembered_ = 0;
    }
    return {};
  }

  const log_reader& log_;
  const stream_reader& events_;
  const stream_id stream_;
  const batch_limits limits_;
  std::uint64_t next_version_;
  std::uint64_t position_;
  std::uint64_t looked_up_to_;
  std::vector<std::uint64_t> remembered_;
  std::size_t next_remembered_ = 0;
};

using made_source = result<std::unique_ptr<event_source>>;

/// Makes the source for each kind of selection.
struct source_maker {
  const journal& events;
  std::uint64_t after;
  batch_limits limits;

  template <class Filter>
  made_source look_through_log(Filter filter) const {
    return std::unique_ptr<event_source>{
        std::make_unique<log_source<Filter>>(events, std::move(filter), after, limits)};
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
    const auto nothing = [](const event_view&) { return visit::stop; };
    if (auto asked = events.replay_tag(tag.name, after + 1, nothing); !asked)
      return std::move(asked).error();
    return std::unique_ptr<event_source>{
        std::make_unique<tag_source>(events, events, tag.name, after, limits)};
  }

  made_source operator()(const event_selection::one_stream& one) const {
    const auto head = events.head(one.id);
    if (!head)
      return head.error();
    // What the head tells spares the walk if all of the stream lies before the start. What was
    // appended since `after` was read is new also to one who starts now.
    const bool all_before = head->position <= after;
    return std::unique_ptr<event_source>{std::make_unique<stream_source>(
        events, events, one.id, all_before ? head->version + 1 : 1, after, limits)};
  }
};

} // namespace

made_source make_event_source(const journal& events, const event_selection& selection,
                              const subscription_options& options) {
  if (options.max_batch_events == 0 || options.max_batch_bytes == 0)
    return error{errc::invalid_argument, "max_batch_events and max_batch_bytes must be at least 1"};
  const std::uint64_t last = events.last_position();
  const std::uint64_t after = options.start.is_now() ? last : options.start.position();
  if (after > last)
    return error{errc::invalid_argument, "position " + std::to_string(after)
                                             + " is beyond the journal's end, position "
                                             + std::to_string(last)};
  const source_maker maker{events, after, {options.max_batch_events, options.max_batch_bytes}};
  return std::visit(maker, selection.what());
}

} // namespace cairn::detail
