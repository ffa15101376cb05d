#include "aggregates/activation.hpp"

#include "aggregates/append_pool.hpp"
#include "aggregates/engine.hpp"
#include "aggregates/rehydration.hpp"
#include "aggregates/type_host.hpp"
#include "models/describe.hpp"
#include "scheduling/prefetch.hpp"

#include <cairn/detail/user_code.hpp>

#include <kj/exception.h>

#include <algorithm>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

namespace cairn::detail {
namespace {

// One run takes so many requests and bytes into one append; then others get their turn. Large
// enough that an append's own cost vanishes on a hot aggregate, small enough that a failed append
// does not take thousands of commands along.
constexpr std::size_t max_requests_per_run = 512;
constexpr std::size_t max_bytes_per_run = std::size_t{1} << 20;

// What an activation weighs beside its state: actor, directory entry, itself, and its share of
// buffers. Measured by `cairn-bench memory`: 650 to 750.
constexpr std::size_t activation_overhead_bytes = 768;

} // namespace

activation::activation(type_host& host, stream_id stream)
  : host_{host}, engine_{host.owner()}, stream_{std::move(stream)},
    flight_{host.model().options.deduplication_window},
    window_{host.model().options.deduplication_window} {
  engine_.runner_begins();
  engine_.counts().resident.fetch_add(1, std::memory_order_relaxed);
  accounted_bytes_ = activation_overhead_bytes;
  engine_.counts().resident_bytes.fetch_add(accounted_bytes_, std::memory_order_relaxed);
}

activation::~activation() {
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
    release_slots(1);
    return outcome;
  }
  (void)work.release(); // the inbox owns it
  if (outcome == inbox::pushed::queued_wake && !begin_loading(loading::fresh))
    wake();
  return outcome;
}

void activation::request_passivation() {
  wants_passivation_.store(true);
  wake();
}

/// False: it is not at `from`.
bool activation::begin_loading(loading from) noexcept {
  if (!loading_.compare_exchange_strong(from, loading::under_way))
    return false;
  engine_.loads().load(*this);
  return true;
}

void activation::load() noexcept {
  engine_.counts().rehydrations.fetch_add(1, std::memory_order_relaxed);
  loaded_ = std::make_unique<result<rehydrated>>(
      detail::rehydrate(engine_.events(), engine_.events(), host_.model(), stream_, window_));
  if (!*loaded_ && engine_.log())
    log_not_rebuilt(loaded_->error());
  loading_.store(loading::loaded);
  wake();
}

error activation::lost_to_another_owner() const {
  return {errc::not_owner,
          "another process owns the stream " + stream_.name() + " now; nothing was written"};
}

void activation::append_ended() noexcept {
  if (flight_.end())
    wake();
}

void activation::wake() noexcept {
  engine_.runs().wake(*this);
}

void activation::prefetch(unsigned step) const noexcept {
  if (step == 0)
    return prefetch_own();
  if (const auto* const waiting = inbox_.newest())
    prefetch_bytes(waiting, request_bytes_to_fetch);
  prefetch_bytes(state_.get(), 128);
}

void activation::prefetch_own() const noexcept {
  prefetch_bytes(this, sizeof(*this));
}

// --- The actor's own -----------------------------------------------------------------------------

bool activation::run() noexcept {
  if (closed_)
    return false;
  const user_code_scope inside{user_code::state};
  std::optional<result<std::chrono::steady_clock::time_point>> now;
  if (take_inbox()) {
    now = engine_.now();
    if (*now)
      last_active_.store((*now)->time_since_epoch().count(), std::memory_order_relaxed);
    used_.store(true, std::memory_order_relaxed);
    wants_passivation_.store(false);
  }
  if ((flight_.must_rebuild() || (!state_ && !pending_.empty())) && !rebuild())
    return !closed_;
  if (!pending_.empty())
    execute_pending(now ? *now : engine_.now());
  return end_turn();
}

/// Appends what has arrived to what is pending; says whether there is anything to do.
bool activation::take_inbox() {
  inbox_.take_all(pending_);
  return !pending_.empty();
}

/// Makes the state one that can be trusted. False: not now (it is awake and will be woken), or it
/// has given up.
bool activation::rebuild() {
  if (flight_.must_rebuild()) {
    if (!flight_.drained())
      return false;
    pending_.push_front(flight_.requeued());
    if (flight_.fenced()) {
      fail_all_and_passivate(lost_to_another_owner());
      return false;
    }
    drop_state();
  }
  if (pending_.empty())
    return true;
  if (begin_loading(loading::fresh) || begin_loading(loading::absent)
      || loading_.load() == loading::under_way)
    return false;
  const auto failure = adopt_loaded();
  if (!failure)
    return true;
  fail_all_and_passivate(*failure);
  return false;
}

void activation::drop_state() noexcept {
  flight_.reset({});
  state_.reset();
  window_.clear();
  unkept_bytes_ = 0;
  version_ = cairn::version{};
  loading_.store(loading::absent);
}

std::optional<error> activation::adopt_loaded() {
  const auto loaded = std::move(loaded_);
  loading_.store(loading::resident);
  if (!*loaded)
    return std::move(*loaded).error();
  auto& rebuilt = **loaded;
  if (rebuilt.ignored_snapshot)
    engine_.counts().ignored_snapshots.fetch_add(1, std::memory_order_relaxed);
  state_ = std::move(rebuilt.state);
  snapshot_version_ = rebuilt.snapshot_version;
  flight_.reset(rebuilt.at);
  version_ = rebuilt.at.version;
  measure_bytes();
  return std::nullopt;
}

/// It cannot be rebuilt, or must not: leaves, and then answers everything that has come so far, so
/// that the next request tries afresh: one from a continuation of these answers, too.
void activation::fail_all_and_passivate(const error& failure) {
  do
    take_inbox();
  while (!inbox_.try_close());
  retire();
  while (!pending_.empty())
    refuse(pending_.pop_front(), failure);
}

void activation::log_not_rebuilt(const error& failure) const noexcept {
  std::ostringstream text;
  text << failure;
  auto& log = *engine_.log();
  log.write_rarely(log.not_rebuilt, log_level::error, "aggregate_not_rebuilt",
                   {{"aggregate", stream_.name()}, {"error", text.str()}});
}

/// The end of a run: goes on soon, passivates, or sleeps. False: it is over.
bool activation::end_turn() {
  if (!pending_.empty() || flight_.must_rebuild()) {
    wake(); // others first
    return true;
  }
  if (wants_passivation_.load() && flight_.drained()) {
    if (flight_.failing()) { // meanwhile; there may be something to be executed again
      wake();
      return true;
    }
    if (inbox_.try_close()) {
      retire();
      return false;
    }
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
  release_slots(1);
  engine_.admitted().leave(1, work->bytes);
  work->fail(std::move(failure));
}

// --- Executing -----------------------------------------------------------------------------------

/// `now`: or what the application's clock threw.
void activation::execute_pending(const result<std::chrono::steady_clock::time_point>& now) {
  flight_.locate(window_);
  auto append = engine_.appends().take(intrusive_ptr<activation>::share(this), version_);
  for (std::size_t taken = 0;
       !pending_.empty() && !flight_.poisoned() && taken < max_requests_per_run
       && append->events.bytes() < max_bytes_per_run;
       ++taken) {
    auto work = pending_.pop_front();
    if (!now) {
      refuse(std::move(work),
             {errc::decide_failed,
              now.error().message() + "; nothing was written (aggregate " + stream_.name() + ")"});
      continue;
    }
    if (work->deadline < *now) {
      refuse(std::move(work),
             {errc::deadline_exceeded, "the deadline passed while the request waited for aggregate "
                                           + stream_.name() + "; nothing was written"});
      continue;
    }
    execute(std::move(work), *append);
  }
  if (!append->events.empty() && !flight_.poisoned())
    take_snapshot_if_due(*append);
  unmeasured_bytes_ += append->events.bytes();
  submit(std::move(append));
  account_bytes();
}

void activation::execute(request_ptr work, aggregate_append& append) {
  auto& asked = *work;
  auto what = aggregate_append::kind::answer;
  stream_head at{version_, {}};
  if (const auto* const known =
          asked.command_id.empty() ? nullptr : window_.find(asked.command_id)) {
    what = aggregate_append::kind::repeated;
    at = {known->version, known->position};
  } else if (!asked.expected.admits(version_)) {
    what = aggregate_append::kind::conflict;
  } else {
    execution here{*state_, stream_, append.events, version_};
    const auto before = append.events.size();
    switch (asked.execute(here)) {
      case effect::none: break;
      case effect::poisoned: flight_.poison(); break;
      case effect::appended:
        version_ += append.events.size() - before;
        at.version = version_;
        window_.remember(asked.command_id, version_, {});
        append.remembered = append.remembered || !asked.command_id.empty();
        break;
    }
  }
  append.answers.push_back({std::move(work), at, what});
}

void activation::submit(std::unique_ptr<aggregate_append> append) {
  if (append->answers.empty())
    return engine_.appends().recycle(std::move(append));
  if (append->events.empty() && flight_.none() && !flight_.failing()) {
    append->answer(engine_.events(), engine_.admitted());
    return engine_.appends().recycle(std::move(append));
  }
  append->ticket = flight_.begin();
  engine_.events().submit(std::move(append));
}

/// Whether one is due; it counts as taken from now on, whatever comes of it.
bool activation::snapshot_is_due() {
  const auto every = host_.model().options.snapshot_every;
  const user_code_scope inside{user_code::wants_snapshot};
  try {
    if (!(every != 0 && version_ - snapshot_version_ >= every) && !state_->wants_snapshot(version_))
      return false;
  } catch (...) {
    engine_.counts().ignored_snapshots.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  snapshot_version_ = version_;
  return true;
}

/// A state that cannot be kept, because it is too large or nests too deep, is rebuilt from its
/// events, as if it had no snapshot. It is encoded again once it has become smaller, or has twice
/// as many events: memory does not always shrink with what is in it.
void activation::take_snapshot_if_due(aggregate_append& append) {
  if (!snapshot_is_due())
    return;
  const bool is_as_before = unkept_bytes_ != 0
                            && version_ - unkept_version_ < unkept_version_.number()
                            && state_->bytes() >= unkept_bytes_;
  if (is_as_before)
    return;
  try {
    auto made = std::make_unique<snapshot_draft>(snapshot_draft::encode(
        stream_, {version_, {}}, host_.model().fingerprint, window_.entries(),
        [&](capnp::AnyPointer::Builder into) { state_->write_snapshot(into); }));
    if (made->message.size() * sizeof(std::uint64_t) <= max_snapshot_bytes) {
      append.snapshot = std::move(made);
      unkept_bytes_ = 0;
      return;
    }
  } catch (...) {
  }
  unkept_bytes_ = std::max<std::size_t>(state_->bytes(), 1);
  unkept_version_ = version_;
  engine_.counts().ignored_snapshots.fetch_add(1, std::memory_order_relaxed);
}

/// Measures the state's size now and then: measuring walks the state, so it is done once for as
/// many events, or bytes of events, as make that walk cheap in comparison.
void activation::account_bytes() {
  if (!state_)
    return;
  const auto interval = std::max<std::uint64_t>(16, accounted_bytes_ / 1024);
  const auto tolerated = std::max<std::size_t>(4096, accounted_bytes_ / 4);
  if (version_ - accounted_version_ >= interval || unmeasured_bytes_ >= tolerated)
    measure_bytes();
}

void activation::measure_bytes() {
  const auto bytes = activation_overhead_bytes + state_->bytes() + window_.heap_bytes();
  engine_.counts().resident_bytes.fetch_add(bytes - accounted_bytes_, std::memory_order_relaxed);
  accounted_bytes_ = bytes;
  accounted_version_ = version_;
  unmeasured_bytes_ = 0;
}

} // namespace cairn::detail
