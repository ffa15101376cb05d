#include "projections/hosted_projection.hpp"

#include "support/only_shard.hpp"
#include "support/option_range.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cairn::detail {
namespace {

constexpr std::size_t most_batch = std::size_t{1} << 48;

result<void> check_options(const projection_options& options) {
  return option_ranges{"projection_options"}
      .check("max_batch_events", options.max_batch_events, 1, most_batch)
      .check("max_batch_bytes", options.max_batch_bytes, 1, most_batch)
      .check("max_batch_time", options.max_batch_time)
      .check("flush_interval", options.flush_interval)
      .check("max_waiting", options.max_waiting, 1)
      .check("max_attempts", options.max_attempts, 1)
      .check("initial_backoff", options.initial_backoff)
      .check("max_backoff", options.max_backoff)
      .outcome();
}

error shut_down() {
  return {errc::shut_down, "the runtime is closed"};
}

} // namespace

hosted_projection::hosted_projection(std::unique_ptr<projection_model> model, const log_reader& log,
                                     std::unique_ptr<table_folders> folders,
                                     projection_options options,
                                     const projection_environment& environment,
                                     std::function<void(time_point)> arm)
  : model_{std::move(model)}, log_{log}, shard_{log.last_position().shard()}, folders_{std::move(
                                                                                  folders)},
    options_{std::move(options)}, environment_{environment}, arm_{std::move(arm)} {}

// --- Opening -------------------------------------------------------------------------------------

result<std::shared_ptr<hosted_projection>>
hosted_projection::open(std::unique_ptr<projection_model> model, const log_reader& log,
                        const std::filesystem::path& root, projection_options options,
                        const projection_environment& environment,
                        std::function<void(time_point)> arm) {
  if (auto checked = check_options(options); !checked)
    return std::move(checked).error();
  if (auto fits = fold_partitions::check(options); !fits)
    return std::move(fits).error();
  auto folders = environment.tables_of
                     ? environment.tables_of(*model)
                     : make_table_folders(root.empty() ? root : root / model->name);
  std::shared_ptr<hosted_projection> made{new hosted_projection{
      std::move(model), log, std::move(folders), std::move(options), environment, std::move(arm)}};
  if (auto opened = made->open_all(); !opened)
    return std::move(opened).error();
  return made;
}

result<void> hosted_projection::open_all() {
  if (auto opened = open_selected(); !opened)
    return opened;
  if (const auto worker = serving())
    waiters_.update(worker->position(), [] { return std::nullopt; });
  for (const auto& worker : workers())
    if (auto started = worker->start(); !started)
      return started;
  return {};
}

void hosted_projection::wait_until_caught_up() const {
  if (const auto worker = serving())
    worker->machine().wait_until_caught_up();
}

/// Opens the tables of this version and of older ones, up to the newest that are live.
result<hosted_projection::found_tables> hosted_projection::open_found() const {
  using content = found_generation::content;
  found_tables all;
  bool is_past_live = false;
  for (const auto& each : folders_->find()) {
    all.found.push_back({each});
    if (is_past_live || each.version > model_->version)
      continue;
    auto store = open_tables(each);
    const bool own = each.version == model_->version;
    if (!store && !own && store.error().code() == errc::incompatible_format)
      continue;
    if (!store)
      return std::move(store).error();
    const auto live = (*store)->live();
    if (!live)
      return live.error();
    is_past_live = *live;
    all.found.back().has = *live ? content::live : content::unfinished;
    all.stores.emplace(each, *std::move(store));
  }
  return all;
}

result<void> hosted_projection::open_selected() {
  auto on_disk = open_found();
  if (!on_disk)
    return std::move(on_disk).error();
  const auto plan = select_generation(on_disk->found, model_->version);
  const auto tables_of =
      [&](const table_generation& wanted) -> result<std::shared_ptr<table_store>> {
    const auto opened = on_disk->stores.find(wanted);
    if (opened == on_disk->stores.end())
      return open_tables(wanted);
    return std::move(opened->second);
  };
  auto tables = tables_of(plan.serving);
  if (!tables)
    return std::move(tables).error();
  auto worker =
      make_worker(plan.serving, *std::move(tables), plan.serving.version == model_->version);
  if (!worker)
    return std::move(worker).error();
  serving_ = *std::move(worker);
  serving_generation_ = plan.serving;
  serving_is_live_ = plan.serving_is_live;
  for (const auto& each : plan.removed)
    folders_->remove(each);
  if (!plan.building)
    return {};
  auto building = tables_of(*plan.building);
  if (!building)
    return std::move(building).error();
  return begin_build(*plan.building, *std::move(building));
}

result<std::shared_ptr<table_store>>
hosted_projection::open_tables(const table_generation& of) const {
  auto with = options_.tables;
  with.shape = model_->shape;
  with.create = true;
  with.visibility = row_visibility::at_once;
  return folders_->open(of, std::move(with));
}

result<hosted_projection::worker_ptr>
hosted_projection::make_worker(const table_generation& of, std::shared_ptr<table_store> store,
                               bool follows) {
  auto worker = std::make_shared<projection_worker>(
      *model_, log_, std::move(store), of.version, options_, follows, environment_,
      [this](projection_worker& which) { on_progress(which); });
  if (auto same = worker->check_history(); !same)
    return std::move(same).error();
  return worker;
}

hosted_projection::worker_ptr hosted_projection::serving() const {
  const std::lock_guard lock{mutex_};
  return serving_;
}

hosted_projection::worker_ptr hosted_projection::building() const {
  const std::lock_guard lock{mutex_};
  return building_;
}

std::vector<hosted_projection::worker_ptr> hosted_projection::workers() const {
  const std::lock_guard lock{mutex_};
  std::vector<worker_ptr> all;
  for (const auto& worker : {serving_, building_})
    if (worker)
      all.push_back(worker);
  return all;
}

// --- What the handle asks for --------------------------------------------------------------------

result<table_view> hosted_projection::read() const {
  const auto worker = serving();
  if (!worker)
    return shut_down();
  return worker->store().read();
}

cairn::position hosted_projection::position() const noexcept {
  const auto worker = serving();
  return worker ? worker->position() : cairn::position{};
}

bool hosted_projection::is_closed() const {
  const std::lock_guard lock{mutex_};
  return closed_;
}

bool hosted_projection::at_capacity() const {
  return waiters_.waiting() >= options_.max_waiting;
}

future<cairn::position> hosted_projection::when_visible(cairn::position position,
                                                        time_point deadline) {
  const gate::holder inside{gate_}; // `arm_` may be gone, too
  if (!inside)
    return future<cairn::position>::settled(shut_down());
  if (auto checked = check_only_shard(position, shard_); !checked)
    return future<cairn::position>::settled(std::move(checked).error());
  auto reached = waiters_.add(position, deadline);
  if (deadline != time_point::max() && !reached.ready())
    arm_(deadline);
  return reached;
}

projection_status hosted_projection::status() const {
  projection_status status;
  status.name = model_->name;
  status.mode = options_.mode;
  const gate::holder inside{gate_};
  const auto worker = serving();
  if (!inside || !worker) {
    status.state = projection_state::closed;
    return status;
  }
  status.head = log_.last_position();
  worker->add_to(status);
  status.head = std::max(status.head, status.position);
  status.lag_events = status.head - status.position;
  if (status.lag_events > 0)
    (void)log_.replay_all(status.position + 1, [&](const event_view& oldest) {
      status.lag = std::chrono::duration_cast<std::chrono::milliseconds>(
          std::chrono::system_clock::now() - oldest.recorded_at());
      return visit_result::stop;
    });
  if (const auto build = building()) {
    projection_status of;
    build->add_to(of);
    auto& shown = status.build.emplace();
    shown.version = of.version;
    shown.state = of.state;
    shown.position = of.position;
    shown.head = std::max(status.head, of.position);
    shown.rate_per_s = of.rate_per_s;
    shown.last_error = of.last_error;
    if (of.rate_per_s > 0)
      shown.estimate = std::chrono::milliseconds{static_cast<std::int64_t>(
          1000 * static_cast<double>(shown.head - shown.position) / of.rate_per_s)};
  }
  return status;
}

void hosted_projection::pause() {
  for (const auto& worker : workers())
    worker->machine().pause();
}

void hosted_projection::resume() {
  for (const auto& worker : workers())
    worker->machine().resume();
}

result<void> hosted_projection::decide(projection_decision::kind what, std::string reason) {
  const gate::holder inside{gate_};
  worker_ptr about, build;
  std::optional<projection_decision> made;
  {
    const std::lock_guard one_at_a_time{changing_};
    const auto worker = serving();
    build = building();
    if (!inside || !worker)
      return shut_down();
    const auto locked = worker->machine().lock();
    const auto build_locked = build ? build->machine().lock() : std::unique_lock<std::mutex>{};
    const auto stopped = worker->machine().stopped();
    // The tables being built may have got past the event, and are going to take the place of these.
    const bool at_an_event = stopped && !stopped->position.is_start();
    const bool is_overtaken =
        build && (!at_an_event || build->machine().reached_locked() >= stopped->position);
    about = is_overtaken ? build : worker;
    const auto decided = about->machine().decide_locked(what, std::move(reason));
    if (!decided)
      return decided.error();
    if (build && about != build)
      build->machine().apply_decision_locked(*decided);
    made = *decided;
  }
  about->machine().report_decision(*made);
  about->machine().report_progress();
  if (build && about != build)
    build->machine().report_progress();
  return {};
}

/// As the lists of two generations may have been joined, not in the order of their storing.
result<std::vector<projection_decision>> hosted_projection::decisions() const {
  const auto worker = serving();
  if (!worker)
    return shut_down();
  auto found = worker->store().decisions();
  if (found)
    std::ranges::stable_sort(*found, {}, &projection_decision::decided_at);
  return found;
}

void hosted_projection::fold_until(cairn::position position, const appended_events& recent) {
  for (;;) {
    const auto worker = serving();
    if (!worker)
      return;
    worker->machine().advance_inline(position, &recent);
    if (worker == serving()) // else others have taken its place meanwhile
      return;
  }
}

bool hosted_projection::turn() {
  bool any = false;
  for (const auto& worker : workers()) {
    if (!worker->machine().wants_turn())
      continue;
    worker->turn();
    any = true;
  }
  return any;
}

result<void> hosted_projection::close() {
  {
    const std::lock_guard lock{mutex_};
    if (std::exchange(closed_, true))
      return {};
  }
  gate_.close();
  for (const auto& worker : workers())
    worker->retire(); // who is inside may be waiting for a batch
  gate_.wait_until_empty();
  std::vector<worker_ptr> ending;
  {
    const std::lock_guard one_at_a_time{changing_}; // a change of places is through, or not begun
    ending = workers();
  }
  waiters_.close(shut_down());
  result<void> flushed;
  for (const auto& worker : ending) {
    worker->stop();
    const auto locked = worker->machine().lock();
    if (auto done = worker->store().flush_all(); !done && flushed)
      flushed = std::move(done);
  }
  const std::lock_guard lock{mutex_};
  serving_.reset();
  building_.reset();
  return flushed;
}

} // namespace cairn::detail
