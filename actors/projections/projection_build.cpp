// Tables that are built beside those that serve, and take their place.

#include "projections/hosted_projection.hpp"

#include <algorithm>
#include <utility>

namespace cairn::detail {

result<void> hosted_projection::rebuild() {
  const gate::holder inside{gate_};
  const std::lock_guard one_at_a_time{changing_};
  if (!inside || !serving())
    return error{errc::shut_down, "the runtime is closed"};
  if (building() || serving()->version() != model_->version)
    return error{errc::invalid_argument, "projection " + model_->name + " is being built already"};
  const auto of = next_generation(folders_->find(), model_->version);
  auto store = open_tables(of);
  if (!store)
    return std::move(store).error();
  if (auto begun = begin_build(of, *std::move(store)); !begun) {
    folders_->remove(of);
    return begun;
  }
  auto started = building()->start();
  if (!started) {
    const std::lock_guard lock{mutex_};
    building_.reset();
  }
  return started;
}

result<void> hosted_projection::begin_build(const table_generation& of,
                                            std::shared_ptr<table_store> store) {
  auto worker = make_worker(of, std::move(store), true);
  if (!worker)
    return std::move(worker).error();
  if (const auto now = serving())
    if (auto inherited = inherit_decisions(*now, **worker); !inherited)
      return inherited;
  {
    const std::lock_guard lock{mutex_};
    building_ = *worker;
    building_generation_ = of;
  }
  if (const auto now = serving();
      now && now->machine().paused()) // who pauses it from now on sees both
    (*worker)->machine().pause();
  return {};
}

/// What was parked or skipped in this version stays so when its tables are built again: it is
/// passed over, and its list goes along. With the locks of both, or before they run.
result<void> hosted_projection::inherit_decisions(const projection_worker& from,
                                                  projection_worker& into) const {
  if (from.version() != into.version())
    return {};
  auto decisions = from.store().decisions();
  if (!decisions)
    return std::move(decisions).error();
  auto there = into.store().decisions();
  if (!there)
    return std::move(there).error();
  const auto at = into.machine().source().checkpoint_at(into.position());
  for (const auto& decision : *decisions) {
    into.machine().apply_decision_locked(decision);
    if (std::find(there->begin(), there->end(), decision) != there->end())
      continue; // an earlier build has got so far
    if (auto kept = into.store().decide(decision, at); !kept)
      return kept;
  }
  return {};
}

void hosted_projection::on_progress(projection_worker& worker) {
  if (&worker == building().get()) {
    if (worker.machine().caught_up() && !worker.machine().paused() && promote_build(worker))
      waiters_.update(worker.position(), [&] { return worker.stopped(); });
    return;
  }
  if (&worker != serving().get())
    return;
  waiters_.update(worker.position(), [&] { return worker.stopped(); });
  if (worker.machine().caught_up() && !worker.machine().stopped())
    finish_first_build(worker);
}

/// The tables have reached the log's end for the first time: from now on they serve while others
/// are built.
void hosted_projection::finish_first_build(projection_worker& worker) {
  table_generation generation;
  {
    const std::lock_guard lock{mutex_};
    if (std::exchange(serving_is_live_, true))
      return;
    generation = serving_generation_;
  }
  (void)worker.store().flush_all(); // so that little is left for while it is held
  const auto locked = worker.machine().lock();
  if (worker.store().mark_live())
    return remove_old(generation);
  const std::lock_guard lock{mutex_};
  serving_is_live_ = false; // once more after the next batch
}

/// The built tables have caught up: what the serving ones have more, they take in while these stand
/// still; then they serve. False: not yet.
bool hosted_projection::promote_build(projection_worker& built) {
  std::unique_lock one_at_a_time{changing_};
  const auto old = serving();
  if (&built != building().get() || is_closed())
    return false;
  table_generation generation;
  (void)built.store().flush_all(); // so that little is left for while replies wait
  {
    const auto old_locked = old->machine().lock();
    const auto locked = built.machine().lock();
    if (built.machine().paused())
      return false; // since it was asked; comes back when it is resumed
    if (!built.machine().advance_locked(std::max(old->position(), log_.last_position()))
        || !inherit_decisions(*old, built) || !built.store().mark_live())
      return false; // tries again after its next batch
    if (old->machine().paused())
      built.machine().pause_locked();
    (void)built.machine().become_inline_locked(); // if an event fails, its thread goes on with that
    const std::lock_guard lock{mutex_};
    serving_ = std::exchange(building_, nullptr);
    generation = serving_generation_ = building_generation_;
    serving_is_live_ = true;
    old->retire();
  }
  // Its thread may be in a continuation, which may want the lock (`rebuild`, a decision).
  one_at_a_time.unlock();
  old->stop();
  old->store().abandon();
  remove_old(generation);
  return true;
}

void hosted_projection::remove_old(const table_generation& serving) {
  for (const auto& each : folders_->find())
    if (each < serving)
      folders_->remove(each);
}

} // namespace cairn::detail
