#include "aggregates/rehydration.hpp"

#include "models/describe.hpp"

#include <cairn/detail/user_code.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace cairn::detail {
namespace {

/// Earlier versions kept snapshots with position 0 for commands that were in flight when they were
/// taken. The last one's is that of the snapshot; the others are read from the journal. What cannot
/// be read stays without a position: the state is right all the same, and only the repetition of
/// such a command is not answered.
void locate(std::vector<recent_command>& recent, stream_head at, const stream_reader& events,
            const stream_id& stream) {
  if (!recent.empty() && recent.back().position.is_start() && recent.back().version == at.version)
    recent.back().position = at.position;
  const auto unknown = [](const recent_command& command) { return command.position.is_start(); };
  auto next = std::find_if(recent.begin(), recent.end(), unknown);
  if (next == recent.end())
    return;
  (void)events.replay(stream, next->version, at.version, [&](const event_view& event) {
    if (event.version() == next->version)
      next->position = event.position();
    if (event.version() >= next->version)
      next = std::find_if(next, recent.end(), unknown);
    return next == recent.end() ? visit_result::stop : visit_result::proceed;
  });
}

result<void> load_snapshot(const stream_reader& events, const snapshot_store& snapshots,
                           const aggregate_model& model, const stream_id& stream,
                           deduplication_window& window, rehydrated& into) {
  std::vector<recent_command> recent;
  bool is_touched = false;
  const auto loaded = snapshots.load_snapshot(stream, [&](const snapshot_view& kept) {
    if (kept.record.getFingerprint() != model.fingerprint) {
      into.ignored_snapshot = true;
      return;
    }
    is_touched = true;
    into.state->read_snapshot(kept.record.getState());
    recent.clear();
    for (const auto& entry : kept.record.getRecentCommands()) {
      recent.push_back({message_id{entry.getIdHigh(), entry.getIdLow()},
                        cairn::version{entry.getVersion()},
                        cairn::position::from_bits(entry.getPosition())});
    }
    into.at = kept.at;
  });
  if (!loaded)
    return loaded.error();
  if (*loaded) {
    locate(recent, into.at, events, stream);
    window.assign(recent);
  } else { // none, or damaged: start from nothing
    if (is_touched)
      into.state = model.make_state();
    window.clear();
    into.at = {};
  }
  into.snapshot_version = into.at.version;
  return {};
}

} // namespace

result<rehydrated> rehydrate(const stream_reader& events, const snapshot_store& snapshots,
                             const aggregate_model& model, const stream_id& stream,
                             deduplication_window& window) {
  const user_code_scope inside{user_code::evolve};
  rehydrated rebuilt{.state = model.make_state(), .at = {}};
  window.clear();
  if (auto loaded = load_snapshot(events, snapshots, model, stream, window, rebuilt); !loaded)
    return std::move(loaded).error();
  std::optional<error> failure;
  try {
    const auto fold = [&](const event_view& event) {
      rebuilt.at = {event.version(), event.position()};
      if ((failure = try_evolve(*rebuilt.state, event)))
        return visit_result::stop;
      window.remember(event.command_id(), event.version(), event.position());
      return visit_result::proceed;
    };
    const auto replayed =
        events.replay(stream, rebuilt.at.version + 1, cairn::version::max(), fold);
    if (!replayed)
      failure = replayed.error();
  } catch (const unknown_event_type& unknown) {
    failure = describe(unknown, stream.name(), rebuilt.at.position);
  }
  if (failure)
    return *std::move(failure);
  return rebuilt;
}

} // namespace cairn::detail
