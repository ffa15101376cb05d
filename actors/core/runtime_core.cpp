#include "core/runtime_core.hpp"

#include <sstream>
#include <utility>

namespace cairn::detail {
namespace {

/// Handles of the application may call it when the runtime is gone.
subscribe_function subscribe_to(std::shared_ptr<subscription_hub> hub) {
  return
      [hub = std::move(hub)](const event_selection& selection, const subscription_options& options,
                             std::function<void(const event_view&)> handler) {
        return hub->subscribe(selection, options, std::move(handler));
      };
}

consumer_environment with_log(consumer_environment made, const std::shared_ptr<logger>& log) {
  made.log = log;
  return made;
}

projection_environment with_log(projection_environment made, const std::shared_ptr<logger>& log) {
  made.turns.log = log;
  return made;
}

} // namespace

runtime_core::runtime_core(cairn::journal& events, std::unique_ptr<cairn::journal> owned,
                           setup with)
  : log_{std::move(with.log)}, owned_{std::move(owned)}, journal_{events},
    subscriptions_{std::make_shared<subscription_hub>(events, log_)},
    durable_subscriptions_{events, std::move(with.subscriptions),
                           with_log(with.environment.turns, log_)},
    projections_{events, std::move(with.projections), with_log(std::move(with.environment), log_)},
    executor_{std::move(with.runs_on)} {
  if (!executor_) {
    reading_.emplace(journal_, subscribe_to(subscriptions_), std::move(with.engine.now));
  } else {
    with.engine.log = log_;
    engine_ =
        engine::start(executor_, journal_, std::move(with.engine), subscribe_to(subscriptions_));
    engine_->tell(&projections_);
  }
  log(log_level::info, "opened", {"position", to_string(journal_.last_position())});
}

runtime_core::runtime_core(std::unique_ptr<cairn::journal> events, setup with)
  : runtime_core{*events, std::move(events), std::move(with)} {}

runtime_core::runtime_core(cairn::journal& events, setup with)
  : runtime_core{events, nullptr, std::move(with)} {}

runtime_core::~runtime_core() {
  (void)close();
}

void runtime_core::log(log_level level, const char* name, log_field field) const noexcept {
  if (log_)
    log_->write(level, name, {std::move(field)});
}

result<std::shared_ptr<aggregate_host>> runtime_core::host(std::unique_ptr<aggregate_model> model) {
  return engine_ ? engine_->host(std::move(model)) : reading_->host(std::move(model));
}

result<std::shared_ptr<projection_host>>
runtime_core::project(std::unique_ptr<projection_model> model, projection_options options) {
  if (!engine_ && options.mode == projection_mode::before_reply)
    return error{errc::invalid_argument, "a runtime for reading gives no replies that a projection "
                                         "could be inlined in"};
  const schema_declaration rows{.owner = "projection " + model->name, .rows = model->rows};
  if (auto declared = journal_.declare_schemas(rows); !declared)
    return std::move(declared).error();
  {
    const std::lock_guard lock{declaring_};
    declared_.push_back(rows);
  }
  return projections_.project(std::move(model), std::move(options));
}

// --- The journal, opened again -------------------------------------------------------------------

result<void> runtime_core::reopen() {
  const std::lock_guard one_at_a_time{closing_};
  if (is_closed())
    return error{errc::shut_down, "the runtime is closed"};
  if (!must_reopen_ && !journal_.status().stopped_by)
    return {};
  begin_reopening();
  for (;;) {
    wait_for_reopening();
    if (auto taken = do_reopening(); !taken || reopening_ == reopening::none)
      return taken;
  }
}

result<void> runtime_core::take_reopening() {
  CAIRN_ASSERT(reopening_is_over());
  return do_reopening();
}

result<void> runtime_core::do_reopening() {
  switch (std::exchange(reopening_, static_cast<reopening>(static_cast<int>(reopening_) + 1))) {
    case reopening::suspend_requests:
      if (engine_)
        engine_->suspend_requests();
      return {};
    case reopening::empty_memory:
      if (engine_)
        engine_->empty_memory();
      return {};
    case reopening::open_journal: {
      subscriptions_->suspend();
      auto opened = open_journal_again();
      must_reopen_ = !opened;
      if (must_reopen_)
        return opened;
      subscriptions_->resume();
      // A repetition or a query may be answered from what the file holds beyond what was known.
      projections_.before_replies(journal_.last_position(), {});
      if (engine_)
        engine_->resume_requests();
      log(log_level::info, "reopened", {"position", to_string(journal_.last_position())});
      return opened;
    }
    case reopening::none: break;
  }
  CAIRN_ASSERT(false); // it has not begun
}

/// Another program may have written the journal meanwhile: what it has declared counts.
result<void> runtime_core::open_journal_again() {
  if (auto opened = journal_.reopen(); !opened)
    return opened;
  if (engine_)
    if (auto declared = engine_->declare_schemas(); !declared)
      return declared;
  const std::lock_guard lock{declaring_};
  for (const auto& rows : declared_)
    if (auto declared = journal_.declare_schemas(rows); !declared)
      return declared;
  return {};
}

bool runtime_core::reopening_is_over() const noexcept {
  if (!engine_)
    return true;
  switch (reopening_) { // each is what the one before has set off
    case reopening::empty_memory: return engine_->all_answered();
    case reopening::open_journal: return engine_->memory_is_empty();
    default: return true;
  }
}

void runtime_core::wait_for_reopening() {
  if (!engine_)
    return;
  if (reopening_ == reopening::empty_memory)
    engine_->wait_until_answered();
  else if (reopening_ == reopening::open_journal)
    engine_->wait_until_memory_is_empty();
}

// --- Closing -------------------------------------------------------------------------------------

result<void> runtime_core::close() {
  const std::lock_guard one_at_a_time{closing_};
  if (is_closed())
    return {};
  while (!is_closed()) {
    wait_for_step();
    do_step();
  }
  return std::move(outcome_);
}

void runtime_core::take_step() {
  CAIRN_ASSERT(step_is_over());
  do_step();
}

/// What it waits for is not looked at once more: a request that is refused meanwhile counts until
/// it has been.
void runtime_core::do_step() {
  const auto taken = std::exchange(next_, static_cast<step>(static_cast<int>(next_) + 1));
  switch (taken) {
    case step::end_subscriptions:
      subscriptions_->close();
      return note(durable_subscriptions_.close());
    case step::refuse_requests: return engine_ ? engine_->refuse_requests() : reading_->close();
    case step::empty_memory: return engine_ ? engine_->passivate_all() : void();
    case step::close_projections: return note(projections_.close());
    case step::close_journal: return note(owned_ ? owned_->close() : result<void>{});
    case step::stop_executor:
      if (!engine_)
        return;
      engine_->detach();
      executor_->stop();
      executor_.reset();
      return;
    case step::none: break;
  }
  CAIRN_ASSERT(false); // it is closed
}

bool runtime_core::step_is_over() const noexcept {
  if (!engine_)
    return true;
  switch (next_) { // each is what the one before has set off
    case step::empty_memory: return engine_->all_answered();
    case step::close_projections: return engine_->drained();
    default: return true;
  }
}

void runtime_core::wait_for_step() {
  if (!engine_)
    return;
  if (next_ == step::empty_memory)
    engine_->wait_until_answered();
  else if (next_ == step::close_projections)
    engine_->wait_until_gone();
}

/// A later error is the worse one: events come again to a durable subscription, and rows can be
/// folded again, but nothing makes up for the journal.
void runtime_core::note(result<void> outcome) {
  if (outcome)
    return;
  std::ostringstream text;
  text << outcome.error();
  log(log_level::error, "close_failed", {"error", text.str()});
  outcome_ = std::move(outcome);
}

} // namespace cairn::detail
