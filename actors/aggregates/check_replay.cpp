#include <cairn/check_replay.hpp>

#include "models/describe.hpp"

#include <capnp/message.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace cairn {
namespace detail {
namespace {

using clock = std::chrono::steady_clock;

/// The types that are checked, by name, and the streams of theirs.
struct checked_type {
  const aggregate_model* model;
  std::set<std::string> streams;
};
using checked_types = std::map<std::string_view, checked_type>;

class replay_checker {
public:
  replay_checker(const journal& events, const replay_check_options& options)
    : events_{events}, options_{options} {}

  result<replay_check> run(checked_types& types) {
    if (auto listed = list_streams(types); !listed)
      return std::move(listed).error();
    std::uint64_t all = 0;
    for (const auto& [name, type] : types)
      all += type.streams.size();
    for (const auto& [name, type] : types)
      for (const auto& stream : type.streams)
        check(*type.model, stream, all);
    summarize();
    return std::move(found_);
  }

private:
  result<void> list_streams(checked_types& types) {
    auto listed = events_.visit_streams({}, [&](std::string_view name, stream_head) {
      const auto found = types.find(name.substr(0, name.find('/')));
      if (found != types.end())
        found->second.streams.emplace(name);
      else
        ++found_.other_streams;
      return visit_result::proceed;
    });
    return listed;
  }

  void check(const aggregate_model& model, const std::string& name, std::uint64_t all) {
    const auto stream = stream_id::parse(name);
    if (!stream) {
      note({replay_finding::kind::damaged, name, {}, {}, stream.error().message()});
      return;
    }
    const auto begin = clock::now();
    fold(model, *stream);
    const auto took = std::chrono::duration_cast<std::chrono::nanoseconds>(clock::now() - begin);
    if (took > found_.slowest) {
      found_.slowest = took;
      found_.slowest_stream = name;
    }
    times_.push_back(took);
    ++found_.aggregates;
    constexpr std::uint64_t reported_each = 1024;
    if (options_.on_progress
        && (found_.aggregates % reported_each == 0 || found_.aggregates == all))
      options_.on_progress(found_.aggregates, all);
  }

  void fold(const aggregate_model& model, const stream_id& stream) {
    const auto state = model.make_state();
    const auto snapshot_version = find_snapshot(model, stream);
    stream_head at;
    bool failed = false;
    const auto fail = [&](const error& why) {
      failed = true;
      note({replay_finding::kind::failed_event, stream.name(), at.version, at.position,
            why.message()});
    };
    const auto folded = replay(stream, at, [&](const event_view& event) {
      try {
        if (const auto failure = try_evolve(*state, event)) {
          fail(*failure);
          return visit_result::stop;
        }
      } catch (const unknown_event_type& unknown) {
        fail(describe(unknown, stream.name(), event.position()));
        return visit_result::stop;
      }
      ++found_.events;
      if (event.version() == snapshot_version)
        compare(*state, stream, at);
      return visit_result::proceed;
    });
    if (!folded && !failed)
      note({replay_finding::kind::damaged, stream.name(), at.version, folded.error().position(),
            folded.error().message()});
  }

  result<cairn::version> replay(const stream_id& stream, stream_head& at,
                                function_ref<visit_result(const event_view&)> each) {
    return events_.replay(stream, cairn::version{1}, cairn::version::max(),
                          [&](const event_view& event) {
                            at = {event.version(), event.position()};
                            return each(event);
                          });
  }

  /// The version of the stream's snapshot, if its state can be compared with the fold's; else 0.
  cairn::version find_snapshot(const aggregate_model& model, const stream_id& stream) {
    cairn::version version{};
    bool another_schema = false;
    const auto loaded = events_.load_snapshot(stream, [&](const snapshot_view& kept) {
      another_schema = kept.record.getFingerprint() != model.fingerprint;
      version = another_schema ? cairn::version{} : kept.at.version;
    });
    const auto damaged = events_.status().damaged_snapshots;
    if (another_schema || damaged != damaged_snapshots_)
      ++found_.incomparable_snapshots;
    damaged_snapshots_ = damaged;
    return loaded ? version : cairn::version{};
  }

  void compare(const aggregate_state& state, const stream_id& stream, stream_head at) {
    bool same = false;
    const auto loaded = events_.load_snapshot(stream, [&](const snapshot_view& kept) {
      capnp::MallocMessageBuilder folded;
      state.write_snapshot(folded.getRoot<capnp::AnyPointer>());
      // Another snapshot may have come meanwhile, if somebody writes; that one is not compared.
      same =
          kept.at != at || folded.getRoot<capnp::AnyPointer>().asReader() == kept.record.getState();
    });
    if (!loaded || !*loaded)
      return;
    ++found_.compared_snapshots;
    if (!same)
      note({replay_finding::kind::different_state, stream.name(), at.version, at.position,
            "the events up to version " + to_string(at.version)
                + " fold to another state than that of the snapshot"});
  }

  void note(replay_finding finding) {
    ++found_.finding_count;
    if (found_.findings.size() < options_.max_findings)
      found_.findings.push_back(std::move(finding));
  }

  void summarize() {
    const auto at = [&](std::size_t percent) {
      if (times_.empty())
        return std::chrono::nanoseconds{0};
      const auto nth =
          times_.begin() + static_cast<std::ptrdiff_t>((times_.size() - 1) * percent / 100);
      std::nth_element(times_.begin(), nth, times_.end());
      return *nth;
    };
    found_.median = at(50);
    found_.p99 = at(99);
  }

  const journal& events_;
  const replay_check_options& options_;
  replay_check found_;
  std::uint64_t damaged_snapshots_ = events_.status().damaged_snapshots;
  std::vector<std::chrono::nanoseconds> times_;
};

} // namespace

result<replay_check> check_replay(const journal& events,
                                  const std::vector<std::unique_ptr<aggregate_model>>& models,
                                  const replay_check_options& options) {
  checked_types types;
  for (const auto& model : models) {
    if (!types.emplace(model->type_name, checked_type{model.get(), {}}).second)
      return error{errc::invalid_argument, "two types have the type_name " + model->type_name};
  }
  return replay_checker{events, options}.run(types);
}

} // namespace detail

std::string_view to_string(replay_finding::kind what) noexcept {
  switch (what) {
    case replay_finding::kind::different_state: return "different state";
    case replay_finding::kind::failed_event: return "failed event";
    case replay_finding::kind::damaged: return "damaged";
  }
  return "unknown";
}

} // namespace cairn
