#include "consumers/consumer.hpp"

#include "support/start_thread.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

namespace cairn::detail {
namespace {

constexpr std::chrono::milliseconds inline_look_interval{50};
constexpr std::chrono::milliseconds storage_pause{200};
constexpr std::chrono::seconds longest_wait{1};

/// Whether waiting may mend it. Anything else needs the target, or the consumer, opened again. A
/// journal that has stopped is opened again beneath the consumer.
bool may_pass(errc code, bool of_the_source) noexcept {
  return code == errc::storage_full || code == errc::io_failed
         || (of_the_source && code == errc::journal_stopped);
}

} // namespace

consumer::consumer(std::unique_ptr<event_source> source, event_target& target,
                   consumer_options options, const consumer_environment& environment,
                   std::function<void()> on_progress)
  : target_{target}, batcher_{std::move(source), target, options.batch, environment},
    options_{std::move(options)}, environment_{environment}, on_progress_{std::move(on_progress)} {}

result<void> consumer::start() {
  if (!options_.follows || !environment_.by_threads)
    return {};
  auto started = start_thread(options_.thread_name, [this] { run(); });
  if (!started)
    return std::move(started).error();
  thread_ = *std::move(started);
  return {};
}

void consumer::retire() {
  closing_ = true;
  inline_ = false;
  interrupt();
}

void consumer::stop() {
  retire();
  if (thread_.joinable() && thread_.get_id() != std::this_thread::get_id())
    thread_.join();
}

void consumer::interrupt() {
  const std::lock_guard lock{mutex_};
  waiting_.request_stop();
  changed_.notify_all();
}

void consumer::run() {
  while (wait_until_wanted())
    turn();
}

void consumer::turn() {
  if (!inline_)
    return take_batch();
  advance_inline(source().last_position()); // events of other writers, which have no reply here
  report_progress();                        // the owner may want to do something again that failed
}

bool consumer::wants_turn() const {
  const std::lock_guard lock{mutex_};
  if (!options_.follows || closing_ || paused_ || stopped_)
    return false;
  return inline_ || to_retry_ || !caught_up_ || options_.is_inline
         || source().last_position() > position();
}

/// Waits while it is paused or stopped, or there is nothing to do. False: it is over.
bool consumer::wait_until_wanted() {
  std::stop_token token;
  {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return closing_ || (!paused_ && !stopped_); });
    if (closing_)
      return false;
    if (inline_) {
      changed_.wait_for(lock, inline_look_interval, [&] { return closing_ || !inline_; });
      return !closing_;
    }
    if (to_retry_ || !caught_up_ || options_.is_inline)
      return true;
    waiting_ = {};
    token = waiting_.get_token();
  }
  const auto waited =
      source().wait_beyond(position(), std::chrono::steady_clock::now() + longest_wait, token);
  if (!waited)
    back_off(waited.error(), true);
  return !closing_;
}

void consumer::take_batch() {
  std::optional<failed_event> again;
  {
    const std::lock_guard lock{mutex_};
    if (paused_)
      return;
    again = std::exchange(to_retry_, std::nullopt);
  }
  if (again)
    return retry(*std::move(again));
  batch_outcome outcome;
  {
    const auto locked = lock();
    if (paused())
      return;
    const auto begin = environment_.time();
    const auto last = source().last_position();
    outcome = batcher_.advance(last, closing_);
    note(outcome, begin);
    // Not the end as it is by now: under load that would move on for ever.
    if (!outcome.failed && !outcome.broken && position() >= last && become_inline_locked()) {
      caught_up_ = true;
      const std::lock_guard state{mutex_};
      changed_.notify_all();
    }
  }
  handle(outcome);
}

void consumer::note(const batch_outcome& outcome, rate_meter::clock::time_point begin) {
  if (outcome.events == 0)
    return;
  waiting_is_logged_ = false;
  const auto end = environment_.time();
  const std::lock_guard lock{mutex_};
  rate_.note(outcome.events, begin, end);
}

void consumer::handle(const batch_outcome& outcome) {
  report_progress();
  if (outcome.failed)
    retry(*outcome.failed);
  else if (outcome.broken)
    back_off(*outcome.broken, outcome.source_is_broken);
}

/// The first attempt has failed.
void consumer::retry(failed_event failed) {
  auto pause = options_.initial_backoff;
  for (std::uint32_t attempts = 1;; ++attempts) {
    {
      const std::lock_guard lock{mutex_};
      last_failure_ = failure{failed, failed.why, attempts};
    }
    if (attempts == 1 && options_.max_attempts > 1)
      log(log_level::warning, "_retries", {failed, failed.why, attempts});
    if (attempts >= options_.max_attempts)
      return stop_by({failed, failed.why, attempts});
    pause_for(pause);
    pause = std::min(2 * pause, options_.max_backoff);
    if (closing_)
      return;
    batch_outcome outcome;
    {
      const auto locked = lock();
      if (position() >= failed.position)
        return;
      if (const std::lock_guard state{mutex_}; paused_) {
        to_retry_ = failed;
        return;
      }
      outcome = batcher_.advance(failed.position, closing_);
    }
    if (!outcome.failed)
      return handle(outcome);
    failed = *std::move(outcome.failed);
  }
}

void consumer::back_off(const error& why, bool of_the_source) {
  if (why.code() == errc::shut_down)
    return retire();
  if (!may_pass(why.code(), of_the_source))
    return stop_by({std::nullopt, why, 0});
  {
    const std::lock_guard lock{mutex_};
    last_failure_ = failure{std::nullopt, why, 0};
  }
  if (!waiting_is_logged_.exchange(true))
    log(log_level::warning, "_waits", {std::nullopt, why, 0});
  if (!environment_.by_threads)
    return;
  std::unique_lock lock{mutex_};
  changed_.wait_for(lock, storage_pause, [&] { return closing_.load(); });
}

void consumer::stop_by(failure why) {
  {
    const std::lock_guard lock{mutex_};
    inline_ = caught_up_ = false;
    last_failure_ = why;
    stopped_ = why;
    changed_.notify_all();
  }
  log(log_level::error, "_stopped", why, why.attempts);
  report_progress();
}

/// `what`: the second half of the entry's name. Without a lock.
void consumer::log(log_level level, const char* what, const failure& why,
                   std::uint32_t attempts) const {
  if (!environment_.log)
    return;
  std::ostringstream text;
  text << why.why;
  const auto position = why.event ? why.event->position : cairn::position{};
  environment_.log->write(level, std::string{options_.kind} + what,
                          {{options_.kind, options_.name},
                           {"position", to_string(position)},
                           {"attempts", std::to_string(attempts)},
                           {"error", text.str()}});
}

void consumer::report_decision(const projection_decision& decision) const {
  if (!environment_.log)
    return;
  const auto what = [&] {
    switch (decision.what) {
      case projection_decision::kind::retry: return "retry";
      case projection_decision::kind::park: return "park";
      case projection_decision::kind::skip: return "skip";
    }
    return "unknown";
  }();
  environment_.log->write(log_level::info, "decision",
                          {{options_.kind, options_.name},
                           {"what", what},
                           {"position", to_string(decision.position)},
                           {"reason", decision.reason}});
}

void consumer::pause_for(std::chrono::milliseconds time) {
  if (options_.pause_between_attempts) {
    const user_code_scope inside{options_.handler};
    return options_.pause_between_attempts(time);
  }
  if (!environment_.by_threads)
    return;
  std::unique_lock lock{mutex_};
  changed_.wait_for(lock, time, [&] { return closing_.load(); });
}

// --- Advanced inline -----------------------------------------------------------------------------

bool consumer::become_inline_locked() {
  {
    const std::lock_guard lock{mutex_};
    inline_ = options_.is_inline && !paused_ && !stopped_;
  }
  // A call of `advance_inline` just before did nothing: these events have to be applied here.
  return !inline_ || advance_locked(source().last_position());
}

void consumer::advance_inline(cairn::position position, const appended_events* recent) {
  if (!inline_ || this->position() >= position)
    return;
  {
    const auto locked = lock();
    if (!inline_)
      return;
    advance_locked(position, recent);
  }
  report_progress();
}

bool consumer::advance_locked(cairn::position position, const appended_events* recent) {
  while (this->position() < position && !closing_) {
    const auto begin = environment_.time();
    const auto outcome = batcher_.advance(position, closing_, recent);
    note(outcome, begin);
    if (!outcome.failed && !outcome.broken)
      continue;
    // The thread takes over: nobody waits here for another attempt.
    inline_ = false;
    const std::lock_guard lock{mutex_};
    if (outcome.failed)
      to_retry_ = outcome.failed;
    else
      last_failure_ = failure{std::nullopt, *outcome.broken, 0};
    waiting_.request_stop();
    changed_.notify_all();
    return false;
  }
  return this->position() >= position;
}

// --- Operations ----------------------------------------------------------------------------------

void consumer::pause() {
  {
    const auto locked = lock(); // after the batch that is running
    pause_locked();
  }
  report_progress();
}

void consumer::pause_locked() {
  const std::lock_guard lock{mutex_};
  inline_ = caught_up_ = false;
  paused_ = true;
  waiting_.request_stop();
  changed_.notify_all();
}

bool consumer::paused() const {
  const std::lock_guard lock{mutex_};
  return paused_;
}

void consumer::resume() {
  {
    const std::lock_guard lock{mutex_};
    paused_ = false;
    changed_.notify_all();
  }
  report_progress();
}

result<projection_decision> consumer::decide_locked(projection_decision::kind what,
                                                    std::string reason) {
  std::optional<failure> at;
  {
    const std::lock_guard lock{mutex_};
    at = stopped_;
  }
  if (!at || !at->event)
    return error{errc::not_found, "it has not stopped at an event: there is nothing to decide"};
  const auto& event = *at->event;
  projection_decision decision{.what = what,
                               .position = event.position,
                               .version = event.version,
                               .type = event.type,
                               .stream = event.stream,
                               .error = at->why.message(),
                               .attempts = at->attempts,
                               .reason = std::move(reason),
                               .decided_at = std::chrono::system_clock::now()};
  const auto behind =
      what == projection_decision::kind::retry ? event.position - 1 : event.position;
  if (auto decided = target_.decide(decision, source().checkpoint_at(behind)); !decided)
    return std::move(decided).error();
  const std::lock_guard lock{mutex_};
  stopped_.reset();
  changed_.notify_all();
  return decision;
}

void consumer::apply_decision_locked(const projection_decision& decision) {
  if (decision.what == projection_decision::kind::retry || reached_locked() >= decision.position)
    return;
  batcher_.pass_over(decision.position);
  const std::lock_guard lock{mutex_};
  if (stopped_ && stopped_->event && stopped_->event->position == decision.position)
    stopped_.reset();
  changed_.notify_all();
}

void consumer::wait_until_caught_up() {
  while (!environment_.by_threads && !caught_up_ && wants_turn())
    turn();
  std::unique_lock lock{mutex_};
  changed_.wait(lock,
                [&] { return caught_up_ || stopped_ || paused_ || closing_ || !options_.follows; });
}

std::optional<consumer::stop_reason> consumer::stopped() const {
  const std::lock_guard lock{mutex_};
  if (!stopped_)
    return std::nullopt;
  return stop_reason{stopped_->why,
                     stopped_->event ? stopped_->event->position : cairn::position{}};
}

consumer::report consumer::status() const {
  report made;
  made.position = position();
  const auto now = environment_.time();
  const std::lock_guard lock{mutex_};
  made.rate_per_s = rate_.per_second(now);
  if (last_failure_) {
    made.last_error = last_failure_->why;
    made.attempts = last_failure_->attempts;
  }
  if (!options_.follows)
    made.state = consumer_state::waiting;
  else if (closing_)
    made.state = consumer_state::closed;
  else if (stopped_)
    made.state = consumer_state::stopped;
  else if (paused_)
    made.state = consumer_state::paused;
  else
    made.state = caught_up_ ? consumer_state::following : consumer_state::catching_up;
  return made;
}

} // namespace cairn::detail
