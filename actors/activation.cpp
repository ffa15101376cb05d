#include "activation.hpp"

#include "aggregate_append.hpp"
#include "caf_seam.hpp"
#include "describe.hpp"
#include "engine.hpp"
#include "type_host.hpp"

#include <kj/exception.h>

#include <algorithm>
#include <string>
#include <utility>

namespace cairn::detail {
namespace {

// One run takes so many requests and bytes into one append; then others get their turn. Large
// enough that an append's own cost vanishes on a hot aggregate, small enough that a failed append
// does not take thousands of commands along.
constexpr std::size_t max_requests_per_run = 512;
constexpr std::size_t max_bytes_per_run = std::size_t{1} << 20;

// What an activation weighs beside its state: actor, directory entry, and itself. Measured:
// `cairn-bench memory`.
constexpr std::size_t activation_overhead_bytes = 1536;

} // namespace

activation::activation(type_host& host, stream_id stream)
  : host_{host}, engine_{host.owner()}, stream_{std::move(stream)},
    window_{host.model().options.deduplication_window} {
  engine_.runner_begins();
  engine_.counts().resident.fetch_add(1, std::memory_order_relaxed);
  accounted_bytes_ = activation_overhead_bytes;
  engine_.counts().resident_bytes.fetch_add(accounted_bytes_, std::memory_order_relaxed);
}

activation::~activation() {
  self_ = {}; // before the engine may let go of the actor system
  engine_.runner_ended();
}

// --- From any thread ---------------------------------------------------------------------------

inbox::pushed activation::post(request_ptr& work) {
  const auto bound = host_.model().options.max_outstanding;
  if (outstanding_.fetch_add(1, std::memory_order_relaxed) >= bound) {
    engine_.counts().overloaded.fetch_add(1, std::memory_order_relaxed);
    refuse(std::move(work),
           {errc::overloaded, "aggregate " + stream_.name() + " has " + std::to_string(bound)
                                  + " requests under way, as many as it may have"});
    return inbox::pushed::queued;
  }
  const auto outcome = inbox_.push(work.get());
  if (outcome == inbox::pushed::closed) {
    leave(1);
    return outcome;
  }
  (void)work.release(); // the inbox owns it
  if (outcome == inbox::pushed::queued_wake)
    wake();
  return outcome;
}

void activation::request_passivation() {
  wants_passivation_.store(true);
  wake();
}

void activation::grant_rehydration() {
  may_rehydrate_.store(true);
  wake();
}

void activation::landed() noexcept {
  if (wants_wake_.exchange(false))
    wake();
}

void activation::wake() noexcept {
  seam::wake(self_);
}

// --- The actor's own -----------------------------------------------------------------------------

bool activation::run() noexcept {
  if (closed_)
    return false;
  reap_flights();
  if (take_inbox()) {
    last_active_.store(engine_.now().time_since_epoch().count(), std::memory_order_relaxed);
    used_.store(true, std::memory_order_relaxed);
    wants_passivation_.store(false);
  }
  if ((broken_ || (!state_ && pending_)) && !rebuild())
    return !closed_;
  if (pending_)
    execute_pending();
  return settle_down();
}

/// Appends what has arrived to what is pending; says whether there is anything to do.
bool activation::take_inbox() {
  if (auto* const arrived = inbox_.take_all()) {
    (pending_ ? pending_last_->next : pending_) = arrived;
    pending_last_ = arrived;
    while (pending_last_->next)
      pending_last_ = pending_last_->next;
  }
  return pending_ != nullptr;
}

request_ptr activation::pop_pending() noexcept {
  auto* const oldest = pending_;
  pending_ = std::exchange(oldest->next, nullptr);
  return request_ptr{oldest};
}

/// Makes the state one that can be trusted. False: not now (it is awake and will be woken), or it
/// has given up.
bool activation::rebuild() {
  if (broken_) {
    if (!wait_for_flights())
      return false;
    drop_state();
  }
  if (!pending_)
    return true;
  if (may_rehydrate_.exchange(false)) {
    waits_for_gate_ = false;
  } else {
    if (waits_for_gate_)
      return false;
    if (!engine_.gate().enter(*this)) {
      waits_for_gate_ = true;
      return false;
    }
  }
  const auto failure = rehydrate();
  engine_.gate().leave();
  if (!failure)
    return true;
  give_up(*failure);
  return false;
}

void activation::drop_state() noexcept {
  broken_ = false;
  state_.reset();
  snapshot_.reset();
  window_.clear();
  version_ = 0;
  durable_ = {};
}

std::optional<error> activation::rehydrate() {
  engine_.counts().rehydrations.fetch_add(1, std::memory_order_relaxed);
  drop_state();
  state_ = host_.model().make_state();
  const auto loaded = engine_.events().load_snapshot(stream_, [&](const snapshot_view& kept) {
    if (kept.record.getFingerprint() != host_.model().fingerprint) {
      engine_.counts().ignored_snapshots.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    state_->read_snapshot(kept.record.getState());
    std::vector<recent_command> recent;
    for (const auto& entry : kept.record.getRecentCommands()) {
      recent.push_back({message_id{entry.getIdHigh(), entry.getIdLow()}, entry.getVersion(),
                        entry.getPosition()});
    }
    window_.assign(recent);
    durable_ = kept.at;
  });
  if (!loaded)
    return loaded.error();
  if (!*loaded) { // none, or damaged: start from nothing
    state_ = host_.model().make_state();
    window_.clear();
    durable_ = {};
  }
  snapshot_version_ = durable_.version;

  stream_head at = durable_;
  std::optional<error> failure;
  try {
    const auto replayed = engine_.events().replay(
        stream_, durable_.version + 1, std::numeric_limits<std::uint64_t>::max(),
        [&](const event_view& event) {
          at = {event.version(), event.position()};
          if ((failure = try_evolve(*state_, event)))
            return visit::stop;
          window_.remember(event.command_id(), event.version(), event.position());
          return visit::go_on;
        });
    if (!replayed)
      failure = replayed.error();
  } catch (const unknown_event_type& unknown) {
    failure = describe(unknown, stream_, at.position);
  }
  if (failure) {
    state_.reset();
    return failure;
  }
  durable_ = at;
  version_ = at.version;
  accounted_version_ = 0;
  account_bytes();
  return std::nullopt;
}

/// It cannot be rebuilt: answers everything that has come so far, and leaves, so that the next
/// request tries afresh.
void activation::give_up(const error& failure) {
  do {
    take_inbox();
    while (pending_)
      refuse(pop_pending(), failure);
  } while (!inbox_.try_close());
  retire();
}

/// The end of a run: goes on soon, passivates, or sleeps. False: it is over.
bool activation::settle_down() {
  if (snapshot_ && !broken_)
    (void)wait_for_flights(); // so that each landing wakes until the snapshot has been handed in
  if (pending_ || broken_) {
    wake(); // others first
    return true;
  }
  if (wants_passivation_.load() && wait_for_flights() && inbox_.try_close()) {
    retire();
    return false;
  }
  if (!inbox_.try_sleep())
    wake();
  return true;
}

void activation::retire() {
  closed_ = true;
  state_.reset();
  host_.remove(*this);
  auto& counts = engine_.counts();
  counts.passivations.fetch_add(1, std::memory_order_relaxed);
  counts.resident.fetch_sub(1, std::memory_order_relaxed);
  counts.resident_bytes.fetch_sub(accounted_bytes_, std::memory_order_relaxed);
}

void activation::refuse(request_ptr work, error failure) {
  leave(1);
  engine_.admitted().leave(1, work->bytes);
  work->fail(std::move(failure));
}

// --- Executing -----------------------------------------------------------------------------------

void activation::execute_pending() {
  auto append = std::make_unique<aggregate_append>(intrusive_ptr<activation>::share(this),
                                                   engine_.completions(), version_,
                                                   engine_.options().max_event_bytes);
  const auto now = engine_.now();
  for (std::size_t taken = 0; pending_ && !broken_ && taken < max_requests_per_run
                              && append->events.bytes() < max_bytes_per_run;
       ++taken) {
    auto work = pop_pending();
    if (work->deadline < now) {
      refuse(std::move(work),
             {errc::deadline_exceeded, "the deadline passed while the request waited for aggregate "
                                           + stream_.name() + "; nothing was written"});
      continue;
    }
    execute(std::move(work), *append);
  }
  unmeasured_bytes_ += append->events.bytes();
  submit(std::move(append));
  take_snapshot_if_due();
  account_bytes();
}

void activation::execute(request_ptr work, aggregate_append& append) {
  aggregate_append::answer waiting{.work = std::move(work),
                                   .version = version_,
                                   .position = 0,
                                   .depends_on = {},
                                   .what = aggregate_append::kind::answer};
  auto& asked = *waiting.work;
  const auto* const known = asked.command_id.empty() ? nullptr : window_.find(asked.command_id);
  if (known) {
    waiting.what = aggregate_append::kind::repeated;
    waiting.version = known->version;
    waiting.position = known->position;
  } else if (!asked.expected.admits(version_)) {
    waiting.what = aggregate_append::kind::conflict;
  } else {
    execution at{*state_, stream_, append.events, version_};
    const auto before = append.events.size();
    switch (asked.execute(at)) {
      case effect::none: break;
      case effect::poisoned: broken_ = true; break;
      case effect::appended:
        version_ += append.events.size() - before;
        waiting.version = version_;
        window_.remember(asked.command_id, version_, 0);
        break;
    }
  }
  depend_on(waiting.version, append, waiting.position, waiting.depends_on);
  append.answers.push_back(std::move(waiting));
}

/// Finds out where the event `version` is: its position if it is durable, else the flight it is in
/// (none: `append`).
void activation::depend_on(std::uint64_t version, aggregate_append& append, std::uint64_t& position,
                           intrusive_ptr<flight>& in) const {
  if (version > append.version_before || position != 0 || version == 0)
    return;
  if (version == durable_.version) {
    position = durable_.position;
    return;
  }
  for (const auto& under_way : flights_) {
    if (under_way->contains(version)) {
      in = under_way;
      return;
    }
  }
  // A repeated command from before a snapshot that was taken while it was in flight.
  const auto found =
      engine_.events().replay(stream_, version, version, [&](const event_view& event) {
        position = event.position();
        return visit::stop;
      });
  (void)found; // without a position, the reply still names the version
}

void activation::submit(std::unique_ptr<aggregate_append> append) {
  if (append->answers.empty())
    return;
  if (!flights_.empty())
    append->predecessor = flights_.back();
  if (!append->events.empty()) {
    append->own = make_intrusive<flight>(append->version_before + 1, append->events.size());
    flights_.push_back(append->own);
  } else if (!append->predecessor) {
    leave(append->answers.size());
    engine_.admitted().leave(append->answers.size(), append->answer_bytes());
    append->deliver_all();
    return;
  }
  engine_.events().submit(std::move(append));
}

// --- Flights and snapshots
// ------------------------------------------------------------------------

void activation::reap_flights() {
  auto landed = flights_.begin();
  for (; landed != flights_.end() && (*landed)->status() != flight::state::in_the_air; ++landed) {
    if ((*landed)->status() == flight::state::failed) {
      broken_ = true;
      continue;
    }
    const auto& done = **landed;
    durable_ = {done.last_version(), done.position_of(done.last_version())};
    window_.place(done.first_version(), done.last_version(),
                  done.position_of(done.first_version()));
    if (snapshot_ && done.contains(snapshot_->at.version))
      snapshot_->at.position = done.position_of(snapshot_->at.version);
  }
  flights_.erase(flights_.begin(), landed);
  hand_in_snapshot();
}

/// True if none is in the air any more; otherwise the landing of the next one wakes the actor.
bool activation::wait_for_flights() {
  if (flights_.empty())
    return true;
  // The flag is set before the flights are looked at again, and a flight's status before the flag
  // is looked at: one of the two sees the other.
  wants_wake_.store(true);
  reap_flights();
  if (!flights_.empty())
    return false;
  wants_wake_.store(false);
  return true;
}

void activation::take_snapshot_if_due() {
  const auto every = host_.model().options.snapshot_every;
  if (broken_ || snapshot_ || version_ == snapshot_version_)
    return;
  try {
    if (!(every != 0 && version_ - snapshot_version_ >= every) && !state_->wants_snapshot(version_))
      return;
    const auto recent = window_.entries();
    snapshot_ = std::make_unique<snapshot_draft>(snapshot_draft::encode(
        stream_, {version_, 0}, host_.model().fingerprint, recent,
        [&](capnp::AnyPointer::Builder into) { state_->write_snapshot(into); }));
  } catch (...) {
    // A state that cannot be written (larger than a message may be), or whose predicate throws, is
    // rebuilt from its events, as if it had no snapshot.
    engine_.counts().ignored_snapshots.fetch_add(1, std::memory_order_relaxed);
  }
  snapshot_version_ = version_;
  hand_in_snapshot();
}

/// A snapshot must never be ahead of the durable history.
void activation::hand_in_snapshot() {
  if (!snapshot_ || broken_ || durable_.version < snapshot_->at.version)
    return;
  if (snapshot_->at.version == durable_.version)
    snapshot_->at.position = durable_.position;
  engine_.events().submit_snapshot(std::move(*snapshot_));
  snapshot_.reset();
}

/// Measures the state's size now and then: measuring walks the state, so it is done once for as
/// many events, or bytes of events, as make that walk cheap in comparison.
void activation::account_bytes() {
  if (!state_)
    return;
  const auto interval = std::max<std::uint64_t>(16, accounted_bytes_ / 1024);
  const auto tolerated = std::max<std::size_t>(4096, accounted_bytes_ / 4);
  if (accounted_version_ != 0 && version_ - accounted_version_ < interval
      && unmeasured_bytes_ < tolerated)
    return;
  const auto bytes = activation_overhead_bytes + state_->bytes() + window_.heap_bytes();
  engine_.counts().resident_bytes.fetch_add(bytes - accounted_bytes_, std::memory_order_relaxed);
  accounted_bytes_ = bytes;
  accounted_version_ = version_ + 1;
  unmeasured_bytes_ = 0;
}

} // namespace cairn::detail
