#include "projections/fold_runner.hpp"

#include "support/start_thread.hpp"

#include <algorithm>
#include <utility>

namespace cairn::detail {
namespace {

constexpr std::chrono::milliseconds look_interval{50}; // at what replies advance
constexpr std::chrono::milliseconds full_disk_pause{200};
constexpr std::chrono::seconds longest_wait{1};

/// Whether waiting may mend it. Anything else needs the store, or the journal, opened again.
bool may_pass(errc code) noexcept {
  return code == errc::storage_full || code == errc::io_failed;
}

} // namespace

fold_runner::fold_runner(const projection_model& model, const log_reader& log,
                         std::shared_ptr<table_store> store, std::uint32_t version,
                         const projection_options& options, bool follows,
                         const fold_driving& driving, listener moved)
  : fold_{model, log, std::move(store), options, driving}, log_{log}, version_{version},
    options_{options}, follows_{follows}, driving_{driving}, moved_{std::move(moved)} {}

result<void> fold_runner::start() {
  if (!follows_ || !driving_.by_threads)
    return {};
  if (auto started = fold_.start_threads(); !started)
    return started;
  auto folding = start_thread("cairn-project", [this] { run(); });
  if (!folding)
    return std::move(folding).error();
  thread_ = *std::move(folding);
  auto flushing = start_thread("cairn-rows", [this] { run_flushes(); });
  if (!flushing) {
    stop();
    return std::move(flushing).error();
  }
  flusher_ = *std::move(flushing);
  return {};
}

void fold_runner::retire() {
  closing_ = true;
  in_reply_ = false;
  interrupt();
}

void fold_runner::stop() {
  retire();
  for (auto* const thread : {&thread_, &flusher_})
    if (thread->joinable() && thread->get_id() != std::this_thread::get_id())
      thread->join();
  fold_.stop_threads();
}

void fold_runner::interrupt() {
  const std::lock_guard lock{mutex_};
  waiting_.request_stop();
  changed_.notify_all();
  flush_wanted_.notify_all();
}

void fold_runner::run() {
  while (wait_until_wanted())
    turn();
}

void fold_runner::turn() {
  if (in_reply_) {
    fold_until(log_.last_position()); // events that nobody asked for in this process
    notify();                         // whoever wants to do something again that failed
  } else {
    step();
  }
  if (driving_.by_threads || store().unflushed() != unflushed_rows::due)
    return;
  if (const auto flushed = store().flush_all(); !flushed)
    wait_out(flushed.error());
}

bool fold_runner::wants_turn() const {
  const std::lock_guard lock{mutex_};
  if (!follows_ || closing_ || paused_ || stopped_)
    return false;
  return in_reply_ || retrying_ || !caught_up_ || options_.mode == projection_mode::inlined
         || log_.last_position() > position();
}

/// Waits while it is paused or stopped, or there is nothing to do. False: it is over.
bool fold_runner::wait_until_wanted() {
  std::stop_token token;
  {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return closing_ || (!paused_ && !stopped_); });
    if (closing_)
      return false;
    if (in_reply_) {
      changed_.wait_for(lock, look_interval, [&] { return closing_ || !in_reply_; });
      return !closing_;
    }
    if (retrying_ || !caught_up_ || options_.mode == projection_mode::inlined)
      return true;
    waiting_ = {};
    token = waiting_.get_token();
  }
  const auto last =
      log_.wait_beyond(position(), std::chrono::steady_clock::now() + longest_wait, token);
  if (!last && last.error().code() == errc::shut_down)
    return false;
  if (!last)
    wait_out(last.error());
  return !closing_;
}

void fold_runner::step() {
  std::optional<failed_event> again;
  {
    const std::lock_guard lock{mutex_};
    if (paused_)
      return;
    again = std::exchange(retrying_, std::nullopt);
  }
  if (again)
    return try_again(*std::move(again));
  projection_fold::outcome outcome;
  {
    const std::lock_guard held{folding_};
    if (paused())
      return;
    const auto begin = driving_.time();
    const auto last = log_.last_position();
    outcome = fold_.advance(last, closing_);
    note(outcome, begin);
    // Not the end as it is by now: under load that would move on for ever.
    if (!outcome.failed && !outcome.broken && position() >= last && enter_reply()) {
      caught_up_ = true;
      const std::lock_guard lock{mutex_};
      changed_.notify_all();
    }
  }
  settle(outcome);
}

void fold_runner::note(const projection_fold::outcome& outcome,
                       rate_meter::clock::time_point begin) {
  const auto unflushed = store().unflushed();
  if (outcome.events == 0 && unflushed == unflushed_rows::none)
    return;
  const std::lock_guard lock{mutex_};
  rate_.note(outcome.events, begin, driving_.time());
  const bool is_news = unflushed == unflushed_rows::due    ? !std::exchange(flush_is_due_, true)
                       : unflushed == unflushed_rows::some ? !std::exchange(rows_unflushed_, true)
                                                           : false;
  if (is_news)
    flush_wanted_.notify_all();
}

void fold_runner::settle(const projection_fold::outcome& outcome) {
  notify();
  if (outcome.failed)
    try_again(*outcome.failed);
  else if (outcome.broken)
    wait_out(*outcome.broken);
}

/// The first attempt has failed.
void fold_runner::try_again(failed_event failed) {
  auto pause = options_.first_pause;
  for (std::uint32_t attempts = 1;; ++attempts) {
    {
      const std::lock_guard lock{mutex_};
      last_trouble_ = trouble{failed, failed.why, attempts};
    }
    if (attempts >= options_.attempts)
      return stop_with({failed, failed.why, attempts});
    sleep(pause);
    pause = std::min(2 * pause, options_.longest_pause);
    if (closing_)
      return;
    projection_fold::outcome outcome;
    {
      const std::lock_guard held{folding_};
      if (position() >= failed.position)
        return;
      if (const std::lock_guard lock{mutex_}; paused_) {
        retrying_ = failed;
        return;
      }
      outcome = fold_.advance(failed.position, closing_);
    }
    if (!outcome.failed)
      return settle(outcome);
    failed = *std::move(outcome.failed);
  }
}

void fold_runner::wait_out(const error& broken) {
  if (broken.code() == errc::shut_down)
    return retire();
  if (!may_pass(broken.code()))
    return stop_with({std::nullopt, broken, 0});
  {
    const std::lock_guard lock{mutex_};
    last_trouble_ = trouble{std::nullopt, broken, 0};
  }
  if (!driving_.by_threads)
    return;
  std::unique_lock lock{mutex_};
  changed_.wait_for(lock, full_disk_pause, [&] { return closing_.load(); });
}

void fold_runner::stop_with(trouble why) {
  {
    const std::lock_guard lock{mutex_};
    in_reply_ = caught_up_ = false;
    last_trouble_ = why;
    stopped_ = std::move(why);
    changed_.notify_all();
  }
  notify();
}

void fold_runner::sleep(std::chrono::milliseconds time) {
  if (options_.pause_between_attempts)
    return options_.pause_between_attempts(time);
  if (!driving_.by_threads)
    return;
  std::unique_lock lock{mutex_};
  changed_.wait_for(lock, time, [&] { return closing_.load(); });
}

// --- Advanced by replies -------------------------------------------------------------------------

bool fold_runner::enter_reply() {
  {
    const std::lock_guard lock{mutex_};
    in_reply_ = options_.mode == projection_mode::inlined && !paused_ && !stopped_;
  }
  // Replies that left just before have not seen to their events.
  return !in_reply_ || fold_held(log_.last_position());
}

void fold_runner::fold_until(std::uint64_t position) {
  if (!in_reply_ || this->position() >= position)
    return;
  {
    const std::lock_guard held{folding_};
    if (!in_reply_)
      return;
    fold_held(position);
  }
  notify();
}

bool fold_runner::fold_held(std::uint64_t position) {
  while (this->position() < position && !closing_) {
    const auto begin = driving_.time();
    const auto outcome = fold_.advance(position, closing_);
    note(outcome, begin);
    if (!outcome.failed && !outcome.broken)
      continue;
    // The thread takes over: replies do not wait for another attempt.
    in_reply_ = false;
    const std::lock_guard lock{mutex_};
    if (outcome.failed)
      retrying_ = outcome.failed;
    else
      last_trouble_ = trouble{std::nullopt, *outcome.broken, 0};
    waiting_.request_stop();
    changed_.notify_all();
    return false;
  }
  return this->position() >= position;
}

// --- The disk ------------------------------------------------------------------------------------

void fold_runner::run_flushes() {
  std::unique_lock lock{mutex_};
  while (!closing_) {
    flush_wanted_.wait(lock, [&] { return closing_ || rows_unflushed_ || flush_is_due_; });
    flush_wanted_.wait_for(lock, options_.flush_interval,
                           [&] { return closing_ || flush_is_due_; });
    rows_unflushed_ = flush_is_due_ = false;
    lock.unlock();
    if (!closing_)
      if (const auto flushed = store().flush_gently(closing_); !flushed)
        wait_out(flushed.error());
    const bool any_left = store().unflushed() != unflushed_rows::none;
    lock.lock();
    rows_unflushed_ = rows_unflushed_ || (any_left && !stopped_);
  }
}

// --- Operations ----------------------------------------------------------------------------------

void fold_runner::pause() {
  {
    const std::lock_guard held{folding_}; // after the batch that is running
    pause_held();
  }
  notify();
}

void fold_runner::pause_held() {
  const std::lock_guard lock{mutex_};
  in_reply_ = caught_up_ = false;
  paused_ = true;
  waiting_.request_stop();
  changed_.notify_all();
}

bool fold_runner::paused() const {
  const std::lock_guard lock{mutex_};
  return paused_;
}

void fold_runner::resume() {
  {
    const std::lock_guard lock{mutex_};
    paused_ = false;
    changed_.notify_all();
  }
  notify();
}

result<projection_decision> fold_runner::decide_held(projection_decision::kind what,
                                                     std::string reason) {
  std::optional<trouble> at;
  {
    const std::lock_guard lock{mutex_};
    at = stopped_;
  }
  if (!at || !at->event)
    return error{errc::not_found, "the projection has not stopped at an event"};
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
  if (auto decided = store().decide(decision, fold_.checkpoint_at(behind)); !decided)
    return std::move(decided).error();
  const std::lock_guard lock{mutex_};
  stopped_.reset();
  changed_.notify_all();
  return decision;
}

void fold_runner::adopt_held(const projection_decision& decision) {
  if (decision.what == projection_decision::kind::retry || fold_.reached() >= decision.position)
    return;
  fold_.pass_over(decision.position);
  const std::lock_guard lock{mutex_};
  if (stopped_ && stopped_->event && stopped_->event->position == decision.position)
    stopped_.reset();
  changed_.notify_all();
}

void fold_runner::wait_until_caught_up() {
  while (!driving_.by_threads && !caught_up_ && wants_turn())
    turn();
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [&] { return caught_up_ || stopped_ || paused_ || closing_ || !follows_; });
}

std::optional<error> fold_runner::stopped() const {
  const std::lock_guard lock{mutex_};
  if (!stopped_)
    return std::nullopt;
  return error{errc::projection_stopped, "the projection has stopped: " + stopped_->why.message()}
      .with_position(stopped_->event ? stopped_->event->position : 0);
}

std::optional<std::uint64_t> fold_runner::stopped_at() const {
  const std::lock_guard lock{mutex_};
  return stopped_ && stopped_->event ? std::optional{stopped_->event->position} : std::nullopt;
}

void fold_runner::add_to(projection_status& status) const {
  status.version = version_;
  status.position = position();
  status.tables = store().status();
  status.events_in_lanes = fold_.lanes().events();
  status.rounds_again = fold_.lanes().rounds_again();
  const std::lock_guard lock{mutex_};
  status.rate_per_s = rate_.per_second(driving_.time());
  if (last_trouble_) {
    status.last_error = last_trouble_->why;
    status.attempts = last_trouble_->attempts;
  }
  if (!follows_)
    status.state = projection_state::waiting;
  else if (closing_)
    status.state = projection_state::closed;
  else if (stopped_)
    status.state = projection_state::stopped;
  else if (paused_)
    status.state = projection_state::paused;
  else
    status.state = caught_up_ ? projection_state::following : projection_state::catching_up;
}

} // namespace cairn::detail
