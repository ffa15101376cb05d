#include "aggregates/type_host.hpp"

#include "models/copied_replay.hpp"

#include <xxhash.h>

#include <limits>
#include <string>

namespace cairn::detail {

type_host::type_host(std::shared_ptr<engine> owner, std::unique_ptr<aggregate_model> model)
  : engine_{std::move(owner)}, model_{std::move(model)} {}

type_host::key type_host::key_of(std::string_view id) noexcept {
  return {id, XXH3_64bits(id.data(), id.size())};
}

error type_host::too_much_under_way() const {
  return {errc::overloaded, "the runtime has as many requests under way as it may have ("
                                + std::to_string(engine_->options().max_outstanding) + " requests, "
                                + std::to_string(engine_->options().max_outstanding_bytes)
                                + " bytes)"};
}

error type_host::runtime_is_closed() {
  return {errc::shut_down, "the runtime is closed"};
}

error type_host::journal_has_stopped() {
  return {errc::journal_stopped, "the runtime's journal has stopped, and is not open again yet"};
}

void type_host::post(std::string_view id, request_ptr work) {
  const auto bytes = work->bytes;
  if (bytes > engine_->options().max_outstanding_bytes) // it could never enter
    return work->fail(
        {errc::invalid_argument, "the request takes " + std::to_string(bytes)
                                     + " bytes; runtime_options::max_outstanding_bytes is "
                                     + std::to_string(engine_->options().max_outstanding_bytes)});
  switch (engine_->admitted().enter(bytes)) {
    case admission::verdict::entered: break;
    case admission::verdict::full: work->fail(too_much_under_way()); return;
    case admission::verdict::suspended: work->fail(journal_has_stopped()); return;
    case admission::verdict::closed: work->fail(runtime_is_closed()); return;
  }
  for (;;) {
    auto found = find_or_activate(id);
    if (!found) {
      engine_->admitted().leave(1, bytes);
      work->fail(std::move(found).error());
      return;
    }
    if ((*found)->post(work) != inbox::pushed::closed)
      return;
    // It passivated between the look-up and the push. The first thread to notice takes it out.
    remove(**found);
  }
}

result<intrusive_ptr<activation>> type_host::find_or_activate(std::string_view id) {
  const auto wanted = key_of(id);
  auto& home = shard_of(wanted);
  const std::lock_guard lock{home.mutex};
  if (const auto found = home.activations.find(wanted, wanted.hash);
      found != home.activations.end())
    return *found;
  return activate(home, id);
}

result<intrusive_ptr<activation>> type_host::activate(shard& home, std::string_view id) {
  auto stream = stream_id::make(model_->type_name, id);
  if (!stream)
    return std::move(stream).error();
  // A burst may overshoot the bound while those that make room are leaving; with a quarter and 16
  // more (a quarter of a small bound would be none), nothing comes in.
  const auto bound = engine_->options().max_resident;
  const auto resident = engine_->counts().resident.load(std::memory_order_relaxed);
  if (resident > bound && resident - bound >= bound / 4 + 16) { // no overflow, however large
    engine_->counts().overloaded.fetch_add(1, std::memory_order_relaxed);
    return error{errc::overloaded, "as many aggregates are in memory as may be ("
                                       + std::to_string(bound) + "), and all are at work"};
  }
  auto made = make_intrusive<activation>(*this, *std::move(stream));
  home.activations.insert(made);
  if (engine_->over_residency_bound())
    engine_->relieve();
  return made;
}

void type_host::remove(const activation& over) {
  const auto gone = key_of(over.stream().id());
  auto& home = shard_of(gone);
  intrusive_ptr<activation> dropped; // destroyed after the lock is released
  const std::lock_guard lock{home.mutex};
  const auto found = home.activations.find(gone, gone.hash);
  if (found != home.activations.end() && found->get() == &over) {
    dropped = *found;
    home.activations.erase(found);
  }
}

result<cairn::version> type_host::replay(std::string_view id, cairn::version from_version,
                                         cairn::version to_version, event_visitor visitor) const {
  const auto stream = stream_id::make(model_->type_name, id);
  if (!stream)
    return stream.error();
  copied_replay replay{*stream, from_version, to_version};
  do {
    if (auto copied = copy(replay); !copied)
      return std::move(copied).error();
  } while (replay.show(visitor)); // nothing is held: the runtime may even close meanwhile
  return replay.outcome();
}

result<void> type_host::copy(copied_replay& replay) const {
  switch (engine_->admitted().enter(0)) {
    case admission::verdict::entered: break;
    case admission::verdict::full: return too_much_under_way();
    case admission::verdict::suspended: return journal_has_stopped();
    case admission::verdict::closed: return runtime_is_closed();
  }
  replay.copy(engine_->events());
  engine_->admitted().leave(1, 0);
  return {};
}

result<subscription> type_host::subscribe(const event_selection& selection,
                                          const subscription_options& options,
                                          std::function<void(const event_view&)> handler) const {
  return engine_->subscribe()(selection, options, std::move(handler));
}

void type_host::sweep_idle(std::size_t shards, std::chrono::steady_clock::time_point now) {
  const auto timeout = model_->options.idle_timeout;
  if (timeout == std::chrono::milliseconds::zero())
    return;
  std::vector<intrusive_ptr<activation>> idle;
  for (std::size_t i = 0; i < shards; ++i) {
    auto& home = shards_[hand_++ % shard_count];
    const std::lock_guard lock{home.mutex};
    for (const auto& resident : home.activations) {
      if (resident->idle() && now - resident->last_active() >= timeout)
        idle.push_back(resident);
    }
  }
  for (const auto& resident : idle)
    resident->request_passivation();
}

std::size_t type_host::sweep_excess(std::size_t index, std::size_t wanted, bool sparing) {
  std::vector<intrusive_ptr<activation>> leaving;
  {
    auto& home = shards_[index];
    const std::lock_guard lock{home.mutex};
    for (const auto& resident : home.activations) {
      if (leaving.size() >= wanted)
        break;
      if (resident->idle() && (!resident->used_since_last_look() || !sparing))
        leaving.push_back(resident);
    }
  }
  for (const auto& resident : leaving)
    resident->request_passivation();
  return leaving.size();
}

void type_host::passivate_all() {
  for (std::size_t index = 0; index < shard_count; ++index)
    sweep_excess(index, std::numeric_limits<std::size_t>::max(), false);
}

} // namespace cairn::detail
