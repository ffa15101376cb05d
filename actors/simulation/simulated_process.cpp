#include "simulated_process.hpp"

#include <algorithm>
#include <utility>

namespace cairn::detail {
namespace {

constexpr std::chrono::milliseconds projection_pause{3};
constexpr std::chrono::milliseconds feed_pause{20};

} // namespace

simulated_process::simulated_process(simulation_context& run, const simulated_domain& domain,
                                     simulated_disk& disk,
                                     std::vector<simulated_follower>& followers, const setup& with)
  : run_{run}, domain_{domain}, disk_{disk}, followers_{followers}, setup_{with},
    definitions_{domain.projections()}, log_{std::make_unique<simulated_journal>(run, *disk.log)},
    executor_{std::make_shared<simulated_executor>(run)} {
  fold_driving driving{.by_threads = false, .now = [this] { return run_.clock.steady(); }};
  driving.open_tables = [this](const projection_model& of, const table_store_options&) {
    std::size_t which = 0;
    while (definitions_[which]->model()->name != of.name)
      ++which;
    return open_tables(which);
  };
  projections_ =
      std::make_unique<projection_set>(*log_, std::filesystem::path{}, std::move(driving));
  auto options = setup_.engine;
  options.now = [this] { return run_.clock.steady(); };
  engine_ = engine::start(executor_, *log_, std::move(options));
  engine_->tell(projections_.get());
  host_ = engine_->host(domain_.model(setup_.hosting)).value();
  open_projections();
  open_followers();
}

simulated_process::~simulated_process() {
  CAIRN_ASSERT(!engine_);
}

void simulated_process::open_projections() {
  for (std::size_t i = 0; i < definitions_.size(); ++i) {
    auto model = definitions_[i]->model();
    (void)log_->declare_schemas({.owner = "projection " + model->name, .rows = model->rows});
    projection_options with{.mode = setup_.modes[i], .max_batch_events = setup_.max_batch_events};
    if (with.mode == projection_mode::async)
      with.folding_threads = setup_.folding_threads;
    hosted_.push_back(projections_->project(std::move(model), std::move(with)).value());
  }
}

result<std::shared_ptr<table_store>> simulated_process::open_tables(std::size_t which) {
  auto opened =
      simulated_tables::open(run_, *definitions_[which],
                             disk_.tables[definitions_[which]->model()->name], setup_.modes[which]);
  if (!opened)
    return std::move(opened).error();
  tables_.push_back(*opened);
  return std::shared_ptr<table_store>{*std::move(opened)};
}

simulated_service simulated_process::service(std::uint32_t incarnation) const {
  simulated_service made{.aggregates = host_,
                         .durable = disk_.log.get(),
                         .log = log_.get(),
                         .incarnation = incarnation};
  for (std::size_t i = 0; i < hosted_.size(); ++i) {
    made.projections.emplace_back(hosted_[i]);
    if (setup_.modes[i] == projection_mode::inlined)
      made.inlined.emplace_back(hosted_[i]);
  }
  return made;
}

// --- Turns ---------------------------------------------------------------------------------------

std::size_t simulated_process::ready() const {
  executor_->wake_due();
  return executor_->waiting() + (log_->wants_turn() ? 1 : 0)
         + (wants_turn(projections_due_) ? 1 : 0) + (wants_turn(feeds_due_) ? 1 : 0);
}

void simulated_process::turn(std::size_t index) {
  if (index < executor_->waiting()) {
    run_.note("turn", index);
    return executor_->turn(index);
  }
  index -= executor_->waiting();
  if (log_->wants_turn() && index-- == 0)
    return log_->turn();
  if (wants_turn(projections_due_) && index-- == 0) {
    projections_due_ = run_.soon(projection_pause);
    run_.note("projections", projections_->turn());
    return;
  }
  feeds_due_ = run_.soon(feed_pause);
  follow(run_.random.below(feeds_.size()));
}

std::chrono::nanoseconds simulated_process::next_due() const {
  return std::min({executor_->next_due(), log_->next_due(), projections_due_, feeds_due_});
}

bool simulated_process::caught_up() const {
  const auto last = log_->last_position();
  return std::all_of(hosted_.begin(), hosted_.end(),
                     [&](const auto& each) { return each->position() == last; })
         && std::all_of(feeds_.begin(), feeds_.end(),
                        [&](const auto& each) { return each.position() == last; });
}

// --- Those who follow the log --------------------------------------------------------------------

void simulated_process::open_followers() {
  for (const auto& each : followers_) {
    const subscription_options with{.start = subscription_start::after(each.position),
                                    .max_batch_events = 1 + run_.random.below(5)};
    feeds_.push_back(engine_->subscriptions().follow(each.selection, with).value());
  }
}

void simulated_process::follow(std::size_t which) {
  auto& by = followers_[which];
  const auto most = 1 + run_.random.below(4);
  std::size_t seen = 0;
  const auto shown = feeds_[which].next(
      [&](const event_view& event) {
        take_in(by, event);
        return ++seen < most ? visit::go_on : visit::stop;
      },
      std::chrono::steady_clock::time_point::min());
  run_.note("follower", which, seen, by.position);
  if (!shown)
    run_.fail("a subscription failed: " + shown.error().message());
}

void simulated_process::take_in(simulated_follower& by, const event_view& event) {
  const bool next =
      by.of_one_stream ? event.version() == by.version + 1 : event.position() == by.position + 1;
  if (!next || event.position() <= by.position)
    run_.fail("a subscription has seen position " + std::to_string(event.position()) + " after "
              + std::to_string(by.position));
  by.position = event.position();
  by.version = event.version();
}

// --- The rows ------------------------------------------------------------------------------------

void simulated_process::check_rows() {
  for (std::size_t i = 0; i < definitions_.size(); ++i)
    check_rows_of(i);
}

void simulated_process::check_rows_of(std::size_t which) {
  const auto model = definitions_[which]->model();
  const auto rows = hosted_[which]->read().value();
  const auto folded = table_store::open({}).value();
  if (rows.position() > 0) {
    CAIRN_ASSERT(folded->begin_batch());
    table_writer to{folded->rows()};
    const auto replayed = disk_.log->replay_all(1, [&](const event_view& event) {
      folded->begin_event();
      model->project(to, event);
      return event.position() < rows.position() ? visit::go_on : visit::stop;
    });
    if (!replayed || *replayed != rows.position())
      return run_.fail("the rows of projection " + model->name + " are ahead of the journal");
    CAIRN_ASSERT(folded->publish({rows.position(), 0}));
  }
  const auto expected = folded->read().value();
  const auto same = definitions_[which]->same(rows, expected);
  if (!same || !*same)
    run_.fail("the rows of projection " + model->name + " are not the fold of the journal up to "
              + std::to_string(rows.position()));
  if (const auto problem = domain_.wrong_with(model->name, rows))
    run_.fail("an invariant of the rows of projection " + model->name
              + " does not hold: " + *problem);
  run_.note("rows checked", which, rows.position());
}

// --- The end -------------------------------------------------------------------------------------

void simulated_process::crash() {
  for (const auto& each : tables_)
    if (const auto tables = each.lock())
      tables->crash();
  log_->crash();
  feeds_.clear();
  engine_->refuse_requests();
  executor_->drain();
  CAIRN_ASSERT(engine_->admitted().drained());
  take_leave();
}

void simulated_process::begin_closing() {
  feeds_.clear();
  feeds_due_ = never;
  engine_->refuse_requests();
}

void simulated_process::finish_closing() {
  take_leave();
}

void simulated_process::take_leave() {
  engine_->let_go();
  executor_->drain();
  CAIRN_ASSERT(engine_->all_gone());
  const auto& counts = engine_->counts();
  run_.figures.passivations += counts.passivations.load();
  run_.figures.rehydrations += counts.rehydrations.load();
  engine_->close(); // waits for nothing any more
  (void)projections_->close();
  (void)log_->close();
  engine_->detach();
  hosted_.clear();
  host_.reset();
  engine_.reset();
  projections_.reset();
}

} // namespace cairn::detail
