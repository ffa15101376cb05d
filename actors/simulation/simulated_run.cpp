#include "simulation/simulated_run.hpp"

#include "models/describe.hpp"
#include "simulation/history_check.hpp"

#include <cairn/memory_journal.hpp>

#include <algorithm>

namespace cairn::detail {
namespace {

// Roughly what a request takes, so that crashes fall anywhere in a run.
constexpr double steps_a_request = 12;

// Nothing takes so long. With everything idle a step is a tick of passivation.
constexpr std::size_t most_steps_without_change = 20'000;

constexpr std::chrono::milliseconds pause_before_reopening{30};

// At each turn while closing, which takes few.
constexpr double crash_in_closing = 0.01;

// Else the process ends, and another one opens the journal.
constexpr double reopened_in_place = 0.5;

} // namespace

simulated_run::simulated_run(const simulation_options& options, const simulated_domain& domain,
                             std::uint64_t seed, bool written_down)
  : run_{seed, options.faults, written_down}, options_{options}, domain_{domain}, clients_{
                                                                                      run_, domain,
                                                                                      options} {
  choose_setup();
  setup_.threads = 1 + seed % 2; // partitions one after another, in the one thread there is
  choose_followers();
  disk_.log = make_memory_journal({.wall_clock = [this] { return run_.clock.wall(); }});
}

void simulated_run::choose_setup() {
  auto& random = run_.random;
  if (options_.hosting)
    setup_.hosting = *options_.hosting;
  else
    setup_.hosting = {.deduplication_window = random.between(2, 64),
                      .snapshot_every = random.below(8),
                      .max_outstanding = random.chance(0.1) ? 2U : 1'000U,
                      .idle_timeout = std::chrono::milliseconds{random.between(5, 200)}};
  setup_.engine.max_concurrent_rehydrations = random.between(1, 2);
  setup_.engine.passivation_interval = std::chrono::milliseconds{random.between(5, 50)};
  setup_.engine.turns_at_once = 1;
  if (random.chance(0.2))
    setup_.engine.max_resident = 1;
  for (std::size_t i = 0; i < domain_.projections.size(); ++i)
    disk_.projections.push_back(
        {.mode = random.chance(0.5) ? projection_mode::before_reply : projection_mode::async});
  setup_.max_batch_events = random.between(1, 6);
}

void simulated_run::choose_followers() {
  const auto& some = clients_.seen().streams.front();
  const std::string type{domain_.types[some.type]->name()};
  const auto first = stream_id::parse(some.name).value();
  followers_.push_back({.selection = event_selection::all()});
  followers_.push_back(
      {.selection = event_selection::of_type(type), .skips = domain_.types.size() > 1});
  followers_.push_back({.selection = event_selection::of_stream(first), .of_one_stream = true});
}

void simulated_run::run() {
  try {
    live();
  } catch (...) {
    run_.fail("a function of the application threw where none may: "
              + describe_current_exception());
  }
  if (process_)
    break_down();
  run_.figures.runs = 1;
  run_.figures.simulated_time = run_.clock.now - virtual_clock{}.now;
  run_.figures.events = disk_.log->last_position().number();
  run_.figures.digest = run_.happened.digest();
}

void simulated_run::live() {
  open();
  until(&simulated_run::served);
  if (goes_on())
    finish();
}

/// Nothing fails any more: everything must be answered, and all that follow the log come to its
/// end. Then what a last crash leaves is looked at by a process that knows nothing.
void simulated_run::finish() {
  run_.note("no more faults");
  run_.faults = simulated_faults::none();
  break_down();
  open();
  clients_.query_all();
  until(&simulated_run::settled);
  if (!goes_on())
    return;
  process_->check_rows();
  shut_down();
  if (auto found = check_history(clients_.seen(), domain_, setup_.hosting, *disk_.log))
    run_.fail(*std::move(found));
}

bool simulated_run::served() const {
  return clients_.done();
}

bool simulated_run::settled() const {
  return clients_.done() && process_->caught_up();
}

void simulated_run::until(bool (simulated_run::*reached)() const) {
  while (goes_on() && !(this->*reached)())
    if (!step())
      wait_for_next();
}

/// False: nobody could go on before time passes.
bool simulated_run::step() {
  look_for_progress();
  at_random(run_.faults.crashes, &simulated_run::crash);
  if (process_)
    at_random(run_.faults.restarts, &simulated_run::close);
  if (process_)
    at_random(run_.faults.interventions, &simulated_run::intervene);
  if (process_ && process_->journal_stopped() && reopens_at_ == never)
    reopens_at_ = run_.soon(pause_before_reopening);
  if (reopens_at_ <= run_.clock.now && process_) {
    if (run_.random.chance(reopened_in_place))
      reopen();
    else
      close();
  }
  if (!process_)
    open();
  const bool client = clients_.next_due() <= run_.clock.now;
  const auto ready = process_->ready();
  if (ready + client == 0)
    return false;
  const auto chosen = run_.random.below(ready + client);
  if (chosen < ready)
    process_->turn(chosen);
  else
    clients_.turn();
  run_.clock.now += std::chrono::nanoseconds{run_.random.below(20'000)};
  return true;
}

void simulated_run::look_for_progress() {
  ++run_.figures.steps;
  steps_without_reply_ = clients_.under_way() == last_under_way_ ? steps_without_reply_ + 1 : 0;
  last_under_way_ = clients_.under_way();
  if (steps_without_reply_ > most_steps_without_change)
    run_.fail("nothing comes of " + std::to_string(last_under_way_) + " requests under way");
}

void simulated_run::wait_for_next() {
  const auto next = std::min({clients_.next_due(), process_->next_due(), reopens_at_});
  CAIRN_ASSERT(next != never); // passivation never ends
  run_.clock.now = std::max(run_.clock.now, next);
}

void simulated_run::at_random(double a_run, void (simulated_run::*what)()) {
  if (a_run > 0
      && run_.random.chance(a_run / (steps_a_request * static_cast<double>(options_.commands))))
    (this->*what)();
}

void simulated_run::open() {
  ++incarnation_;
  reopens_at_ = never;
  run_.note("open", incarnation_);
  process_ = std::make_unique<simulated_process>(run_, domain_, disk_, followers_, setup_);
  clients_.connect(process_->service(incarnation_));
}

void simulated_run::intervene() {
  process_->check_rows();
  process_->intervene();
}

void simulated_run::crash() {
  ++run_.figures.crashes;
  break_down();
}

void simulated_run::break_down() {
  run_.note("crash");
  clients_.lose_connection();
  end_process(process_->crash());
  run_.clock.now = run_.soon(pause_before_reopening);
}

/// What cannot be destroyed is left as it is: the run is over, and is to say so.
void simulated_run::end_process(bool gone) {
  auto ended = std::move(process_);
  if (gone)
    return;
  run_.fail("the runtime keeps requests that it never answers");
  (void)ended.release();
}

void simulated_run::close() {
  ++run_.figures.restarts;
  shut_down();
}

/// What has been accepted is answered; what is sent meanwhile is refused. The steps of closing come
/// among the turns of all others, and a crash may come between any two.
void simulated_run::shut_down() {
  run_.note("close");
  process_->check_rows();
  process_->begin_closing();
  while (goes_on() && !process_->is_closed()) {
    if (run_.faults.crashes > 0 && run_.random.chance(crash_in_closing))
      return crash();
    if (among_turns(process_->may_go_on_closing()))
      process_->go_on_closing();
  }
  if (!goes_on())
    return break_down();
  clients_.lose_connection();
  process_.reset();
}

/// The operator has the journal opened again beneath the process that goes on. Its clients stay
/// connected, and keep their handles.
void simulated_run::reopen() {
  run_.note("reopen");
  reopens_at_ = never;
  process_->begin_reopening();
  while (goes_on() && !process_->is_reopened()) {
    if (run_.faults.crashes > 0 && run_.random.chance(crash_in_closing))
      return crash();
    if (among_turns(process_->may_go_on_reopening()))
      process_->go_on_reopening();
  }
  ++run_.figures.reopenings;
}

/// Somebody else gets a turn, or time passes; or true: the next of several steps is to be taken,
/// which may be.
bool simulated_run::among_turns(bool may_go_on) {
  look_for_progress();
  if (run_.random.chance(0.02) && clients_.next_due() <= run_.clock.now)
    clients_.turn();
  const auto ready = process_->ready();
  if (may_go_on && (ready == 0 || run_.random.chance(0.3)))
    return true;
  if (ready > 0)
    process_->turn(run_.random.below(ready));
  else
    run_.clock.now = std::max(run_.clock.now, process_->next_due());
  return false;
}

} // namespace cairn::detail
