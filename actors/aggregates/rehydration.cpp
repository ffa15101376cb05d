#include "aggregates/rehydration.hpp"

#include "models/describe.hpp"

#include <limits>
#include <utility>
#include <vector>

namespace cairn::detail {
namespace {

result<void> load_snapshot(const snapshot_store& snapshots, const aggregate_model& model,
                           const stream_id& stream, deduplication_window& window,
                           rehydrated& into) {
  const auto loaded = snapshots.load_snapshot(stream, [&](const snapshot_view& kept) {
    if (kept.record.getFingerprint() != model.fingerprint) {
      into.ignored_snapshot = true;
      return;
    }
    into.state->read_snapshot(kept.record.getState());
    std::vector<recent_command> recent;
    for (const auto& entry : kept.record.getRecentCommands()) {
      recent.push_back({message_id{entry.getIdHigh(), entry.getIdLow()}, entry.getVersion(),
                        entry.getPosition()});
    }
    window.assign(recent);
    into.at = kept.at;
  });
  if (!loaded)
    return loaded.error();
  if (!*loaded) { // none, or damaged: start from nothing
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
  rehydrated rebuilt{.state = model.make_state(), .at = {}};
  window.clear();
  if (auto loaded = load_snapshot(snapshots, model, stream, window, rebuilt); !loaded)
    return std::move(loaded).error();
  std::optional<error> failure;
  try {
    const auto fold = [&](const event_view& event) {
      rebuilt.at = {event.version(), event.position()};
      if ((failure = try_evolve(*rebuilt.state, event)))
        return visit::stop;
      window.remember(event.command_id(), event.version(), event.position());
      return visit::go_on;
    };
    const auto replayed = events.replay(stream, rebuilt.at.version + 1,
                                        std::numeric_limits<std::uint64_t>::max(), fold);
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
