#include "simulation/simulated_process.hpp"

#include <algorithm>
#include <utility>

namespace cairn::detail {
namespace {

constexpr std::chrono::milliseconds projection_pause{3};
constexpr std::chrono::milliseconds operator_pause{60};
constexpr std::chrono::milliseconds feed_pause{20};

} // namespace

simulated_process::simulated_process(simulation_context& run, const simulated_domain& domain,
                                     simulated_disk& disk,
                                     std::vector<simulated_follower>& followers, const setup& with)
  : run_{run}, domain_{domain}, disk_{disk}, followers_{followers}, setup_{with},
    projections_{std::make_unique<simulated_projections>(
        run, domain, disk.projections,
        projection_options{
            .max_batch_events = with.max_batch_events,
            .threads = with.threads,
            .max_attempts = 3,
            .pause_between_attempts =
                [this](std::chrono::milliseconds time) { wait_between_attempts(time); }})},
    executor_{std::make_shared<simulated_executor>(run)},
    core_{std::make_unique<runtime_core>(
        std::make_unique<simulated_journal>(run, *disk.log),
        runtime_core::setup{.runs_on = executor_,
                            .engine = engine_setup(),
                            .environment = projections_->environment()})},
    log_{static_cast<simulated_journal&>(core_->journal())} {
  for (const auto& type : domain_.types)
    hosts_.push_back(core_->host(type->model(setup_.hosting)).value());
  projections_->open_all(*core_);
  open_followers();
  operator_due_ = run_.soon(operator_pause);
  open_ = true;
}

simulated_process::~simulated_process() {
  CAIRN_ASSERT(core_->is_closed());
}

engine_options simulated_process::engine_setup() const {
  auto options = setup_.engine;
  options.now = [this] { return run_.clock.steady(); };
  return options;
}

simulated_service simulated_process::service(std::uint32_t incarnation) const {
  simulated_service made{.aggregates = hosts_,
                         .prompt = &projections_->prompt(),
                         .durable = disk_.log.get(),
                         .log = &log_,
                         .incarnation = incarnation};
  for (const auto& each : projections_->hosted())
    made.projections.emplace_back(each);
  return made;
}

// --- Turns ---------------------------------------------------------------------------------------

std::size_t simulated_process::ready() const {
  executor_->wake_due();
  return executor_->waiting() + (log_.wants_turn() ? 1 : 0) + (wants_turn(projections_due_) ? 1 : 0)
         + (wants_turn(operator_due_) ? 1 : 0) + (wants_turn(feeds_due_) ? 1 : 0);
}

void simulated_process::turn(std::size_t index) {
  if (index < executor_->waiting()) {
    run_.note("turn", index);
    return executor_->turn(index);
  }
  index -= executor_->waiting();
  if (log_.wants_turn() && index-- == 0)
    return log_.turn();
  if (wants_turn(projections_due_) && index-- == 0) {
    projections_due_ = run_.soon(projection_pause);
    return projections_->turn();
  }
  if (wants_turn(operator_due_) && index-- == 0)
    return look_after_projections();
  feeds_due_ = run_.soon(feed_pause);
  follow(run_.random.below(feeds_.size()));
}

std::chrono::nanoseconds simulated_process::next_due() const {
  return std::min(
      {executor_->next_due(), log_.next_due(), projections_due_, operator_due_, feeds_due_});
}

void simulated_process::look_after_projections() {
  operator_due_ = run_.soon(operator_pause);
  projections_->look_after_one();
}

/// Meanwhile others go on: all but the clients and the projections.
void simulated_process::wait_between_attempts(std::chrono::milliseconds time) {
  run_.clock.now += time;
  if (!open_)
    return;
  for (auto turns = run_.random.below(6); turns > 0; --turns) {
    executor_->wake_due();
    const auto chosen = run_.random.below(8);
    if (chosen == 0)
      look_after_projections();
    else if (chosen < 4 && log_.wants_turn())
      log_.turn();
    else if (executor_->waiting() > 0)
      executor_->turn(run_.random.below(executor_->waiting()));
  }
}

bool simulated_process::caught_up() const {
  const auto last = log_.last_position();
  return projections_->caught_up(last)
         && std::all_of(feeds_.begin(), feeds_.end(),
                        [&](const auto& each) { return each.position() == last; });
}

// --- Those who follow the log --------------------------------------------------------------------

void simulated_process::open_followers() {
  for (const auto& each : followers_) {
    const subscription_options with{.start = subscription_start::after(each.position),
                                    .max_batch_events = 1 + run_.random.below(5)};
    feeds_.push_back(core_->subscriptions().follow(each.selection, with).value());
  }
}

void simulated_process::follow(std::size_t which) {
  auto& by = followers_[which];
  const auto most = 1 + run_.random.below(4);
  std::size_t seen = 0;
  const auto shown = feeds_[which].next(
      [&](const event_view& event) {
        take_in(by, event);
        return ++seen < most ? visit_result::proceed : visit_result::stop;
      },
      std::chrono::steady_clock::time_point::min());
  run_.note("follower", which, seen, by.position.bits());
  if (!shown)
    run_.fail("a subscription failed: " + shown.error().message());
}

void simulated_process::take_in(simulated_follower& by, const event_view& event) {
  const bool next = by.of_one_stream ? event.version() == by.version + 1
                                     : by.skips || event.position() == by.position + 1;
  if (!next || event.position() <= by.position)
    run_.fail("a subscription has seen position " + to_string(event.position()) + " after "
              + to_string(by.position));
  by.position = event.position();
  by.version = event.version();
}

// --- The end -------------------------------------------------------------------------------------

bool simulated_process::crash() {
  projections_->crash();
  log_.crash();
  begin_closing();
  while (!is_closed()) {
    executor_->drain();
    if (!may_go_on_closing())
      return false;
    go_on_closing();
  }
  return true;
}

void simulated_process::go_on_reopening() {
  run_.note("reopening", static_cast<std::uint64_t>(core_->next_reopening()));
  if (auto taken = core_->take_reopening(); !taken)
    run_.fail("the journal was not opened again: " + taken.error().message());
}

void simulated_process::begin_closing() {
  feeds_.clear();
  feeds_due_ = operator_due_ = never;
}

void simulated_process::go_on_closing() {
  const auto taken = core_->next_step();
  run_.note("closing", static_cast<std::uint64_t>(taken));
  core_->take_step();
  if (taken == runtime_core::step::close_projections)
    projections_due_ = never;
  if (!is_closed())
    return;
  const auto& counts = core_->engine()->counts();
  run_.figures.passivations += counts.passivations.load();
  run_.figures.rehydrations += counts.rehydrations.load();
}

} // namespace cairn::detail
