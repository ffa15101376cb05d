#include "simulation/simulated_projections.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <utility>

namespace cairn::detail {

/// The application's, but for the events that are poison.
class simulated_projections::model final : public projection_model {
public:
  model(std::unique_ptr<projection_model> inner,
        std::function<simulated_poison::effect(cairn::position)> meet)
    : projection_model{inner->name, inner->version, inner->identity, inner->shape, inner->rows},
      inner_{std::move(inner)}, meet_{std::move(meet)} {}

  void project(table_writer& to, const event_view& event) const override {
    const auto effect = meet_(event.position());
    if (effect != simulated_poison::effect::before_rows)
      inner_->project(to, event);
    if (effect != simulated_poison::effect::none)
      throw std::runtime_error{"simulated: the event is poison"};
  }

private:
  const std::unique_ptr<projection_model> inner_;
  const std::function<simulated_poison::effect(cairn::position)> meet_;
};

simulated_projections::simulated_projections(simulation_context& run,
                                             const simulated_domain& domain,
                                             std::vector<kept_projection>& kept,
                                             projection_options options)
  : run_{run}, domain_{domain}, kept_{kept}, options_{std::move(options)}, prompt_(kept.size()),
    disturbed_(kept.size()) {}

projection_environment simulated_projections::environment() {
  projection_environment made{
      .turns = {.by_threads = false, .now = [this] { return run_.clock.steady(); }}};
  made.tables_of = [this](const projection_model& of) -> std::unique_ptr<table_folders> {
    const auto which = index_of(of);
    return std::make_unique<simulated_folders>(run_, *domain_.projections[which],
                                               kept_[which].tables, kept_[which].mode, crashed_);
  };
  return made;
}

std::size_t simulated_projections::index_of(const projection_model& of) const {
  std::size_t which = 0;
  while (domain_.projections[which]->model(0)->name != of.name)
    ++which;
  return which;
}

// --- Opening -------------------------------------------------------------------------------------

std::unique_ptr<projection_model> simulated_projections::make_model(std::size_t which) {
  return std::make_unique<model>(domain_.projections[which]->model(kept_[which].raised_by),
                                 [this, which](cairn::position at) {
                                   const auto effect = kept_[which].poison.meet(run_, at);
                                   if (effect != simulated_poison::effect::none)
                                     disturb(which);
                                   return effect;
                                 });
}

void simulated_projections::open_all(runtime_core& in) {
  core_ = &in;
  for (std::size_t which = 0; which < kept_.size(); ++which) {
    auto with = options_;
    with.mode = kept_[which].mode;
    if (with.mode == projection_mode::before_reply)
      with.threads = 1;
    auto opened = core_->project(make_model(which), with);
    while (!opened && expects_failure(opened.error().code())) // which is not poison, and passes
      opened = core_->project(make_model(which), with);
    hosted_.push_back(std::move(opened).value());
    const auto status = hosted_.back()->status();
    prompt_[which] = kept_[which].mode == projection_mode::before_reply
                     && status.state == projection_state::following;
    run_.note("projection", which, status.version, status.position.bits());
  }
}

/// Replies need not wait for its rows until it has had a turn with nothing to do.
void simulated_projections::disturb(std::size_t which) {
  prompt_[which] = false;
  disturbed_[which] = true;
}

void simulated_projections::turn() {
  const auto last = core_->journal().last_position();
  std::vector<bool> was_there;
  for (const auto& each : hosted_) {
    const auto status = each->status();
    was_there.push_back(status.state == projection_state::following && status.position == last);
  }
  disturbed_.assign(hosted_.size(), false);
  run_.note("projections", core_->projections().turn());
  for (std::size_t i = 0; i < hosted_.size(); ++i)
    if (was_there[i] && !disturbed_[i] && kept_[i].mode == projection_mode::before_reply)
      prompt_[i] = true;
}

bool simulated_projections::caught_up(cairn::position last) const {
  return std::all_of(hosted_.begin(), hosted_.end(), [&](const auto& each) {
    const auto status = each->status();
    return status.position == last && !status.build && status.state == projection_state::following;
  });
}

// --- The operator --------------------------------------------------------------------------------

bool simulated_projections::expects_failure(errc code) const noexcept {
  return code == errc::storage_full || code == errc::io_failed;
}

void simulated_projections::look_after_one() {
  if (hosted_.empty())
    return;
  const auto which = run_.random.below(hosted_.size());
  const auto status = hosted_[which]->status();
  if (status.state == projection_state::paused && run_.random.chance(0.5)) {
    run_.note("resume", which);
    hosted_[which]->resume();
  } else if (status.state == projection_state::stopped
             || (status.build && status.build->state == projection_state::stopped)) {
    decide(which, status);
  }
}

void simulated_projections::decide(std::size_t which, const projection_status& status) {
  const bool stopped = status.state == projection_state::stopped;
  const bool overtaken = stopped && status.build && status.build->position > status.position;
  const bool of_a_build = !stopped || overtaken;
  const auto what = static_cast<projection_decision::kind>(run_.random.below(3));
  const auto reason = "decision " + std::to_string(++run_.figures.decisions);
  const auto decided = hosted_[which]->decide(what, reason);
  run_.note("decide", which, static_cast<std::uint64_t>(what), decided.has_value());
  if (decided) {
    kept_[which].told.push_back(
        {what, reason, of_a_build ? status.build->version : status.version, of_a_build});
    return;
  }
  const bool no_need = stopped && status.build && status.build->state != projection_state::stopped
                       && decided.error().code() == errc::not_found; // it is about to be replaced
  if (!no_need && !expects_failure(decided.error().code()))
    run_.fail("a decision was refused: " + decided.error().message());
}

void simulated_projections::intervene() {
  if (hosted_.empty())
    return;
  const auto which = run_.random.below(hosted_.size());
  const auto kind = run_.random.below(10);
  run_.note("intervene", which, kind);
  if (kind < 4) {
    ++run_.figures.pauses;
    disturb(which);
    hosted_[which]->pause();
  } else if (kind < 8) {
    rebuild(which);
  } else {
    ++run_.figures.rebuilds;
    ++kept_[which].raised_by;
  }
}

void simulated_projections::rebuild(std::size_t which) {
  const auto status = hosted_[which]->status();
  const bool is_built = status.build || status.state == projection_state::waiting;
  const auto begun = hosted_[which]->rebuild();
  if (begun)
    ++run_.figures.rebuilds;
  else if (!(is_built && begun.error().code() == errc::invalid_argument)
           && !expects_failure(begun.error().code()))
    run_.fail("a projection cannot be rebuilt: " + begun.error().message());
}

// --- What has to hold ----------------------------------------------------------------------------

void simulated_projections::check_rows(const journal& durable) {
  for (std::size_t i = 0; i < hosted_.size(); ++i)
    check_rows_of(i, durable);
}

void simulated_projections::check_rows_of(std::size_t which, const journal& durable) {
  const auto plain = domain_.projections[which]->model(0);
  const auto rows = hosted_[which]->read().value();
  const auto decisions = hosted_[which]->decisions().value();
  check_decisions_of(which, decisions);
  std::set<cairn::position, position_order> passed_over;
  for (const auto& each : decisions)
    if (each.what != projection_decision::kind::retry)
      passed_over.insert(each.position);
  const auto folded = table_store::open({}).value();
  if (!rows.position().is_start()) {
    CAIRN_ASSERT(folded->begin_batch());
    table_writer to{folded->rows()};
    const auto replayed = durable.replay_all(cairn::position{1}, [&](const event_view& event) {
      folded->begin_event();
      if (!passed_over.contains(event.position()))
        plain->project(to, event);
      return event.position() < rows.position() ? visit_result::proceed : visit_result::stop;
    });
    if (!replayed || *replayed != rows.position())
      return run_.fail("the rows of projection " + plain->name + " are ahead of the journal");
    CAIRN_ASSERT(folded->publish({rows.position(), 0}));
  }
  const auto same = domain_.projections[which]->same(rows, folded->read().value());
  if (!same || !*same)
    run_.fail("the rows of projection " + plain->name + " are not the fold of the journal up to "
              + to_string(rows.position()));
  for (const auto& type : domain_.types)
    if (const auto problem = type->wrong_with(plain->name, rows))
      run_.fail("an invariant of the rows of projection " + plain->name
                + " does not hold: " + *problem);
  run_.note("rows checked", which, rows.position().bits());
}

/// What the operator was told to be on record is, as far as it is about the tables that serve.
void simulated_projections::check_decisions_of(std::size_t which,
                                               const std::vector<projection_decision>& on_record) {
  const auto& told = kept_[which].told;
  const auto status = hosted_[which]->status();
  const auto of_projection = " of projection " + status.name;
  const auto same_as = [](const auto& one) {
    return
        [&one](const auto& other) { return one.what == other.what && one.reason == other.reason; };
  };
  for (const auto& each : on_record) {
    if (std::none_of(told.begin(), told.end(), same_as(each)))
      run_.fail("the record" + of_projection + " has a decision that was refused: " + each.reason);
    if (std::count_if(on_record.begin(), on_record.end(), same_as(each)) > 1)
      run_.fail("the record" + of_projection + " has a decision twice: " + each.reason);
  }
  for (const auto& each : told) {
    const bool serves = each.version == status.version && !(each.of_a_build && status.build);
    if (serves && std::none_of(on_record.begin(), on_record.end(), same_as(each)))
      run_.fail("the record" + of_projection + " has lost a decision: " + each.reason);
  }
}

} // namespace cairn::detail
