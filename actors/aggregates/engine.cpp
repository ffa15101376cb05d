#include "aggregates/engine.hpp"

#include "aggregates/append_pool.hpp"
#include "aggregates/type_host.hpp"
#include "support/option_range.hpp"

#include <algorithm>

namespace cairn::detail {
namespace {

/// Runs a round of passivation at each wake-up, until the engine closes.
class passivation final : public runner {
public:
  explicit passivation(engine& owner) noexcept : engine_{owner} {}

  bool run() noexcept override {
    if (engine_.closing()) {
      engine_.runner_ended();
      return false;
    }
    engine_.passivate_some();
    return true;
  }

private:
  engine& engine_;
};

// Looking for a command goes through the window, and a snapshot holds it.
constexpr std::size_t most_deduplication_window = 65'536;

} // namespace

result<void> check_options(const aggregate_options& options) {
  return option_ranges{"aggregate_options"}
      .check("deduplication_window", options.deduplication_window, 0, most_deduplication_window)
      .check("max_outstanding", options.max_outstanding, 1)
      .check("idle_timeout", options.idle_timeout)
      .outcome();
}

engine::engine(const std::shared_ptr<executor>& on, journal& events, engine_options options,
               subscribe_function subscribe)
  : runs_on_{on}, executor_{*on}, journal_{events}, options_{std::move(options)},
    admission_{options_.max_outstanding, options_.max_outstanding_bytes},
    loader_{executor_, options_.max_concurrent_rehydrations},
    // A worker that is scheduled keeps the engine: it may look at its queue after the last
    // activation has gone.
    runs_{executor_.workers(),
          [this](std::size_t worker) {
            executor_.schedule([self = shared_from_this(), worker] {
              return self->runs_.work(worker, self->options_.turns_at_once);
            });
          }},
    subscribe_{std::move(subscribe)} {}

engine::~engine() = default;

std::shared_ptr<engine> engine::start(const std::shared_ptr<executor>& on, journal& events,
                                      engine_options options, subscribe_function subscribe) {
  std::shared_ptr<engine> made{new engine{on, events, std::move(options), std::move(subscribe)}};
  made->dispatcher_ = make_intrusive<reply_dispatcher>(*made);
  made->appends_ =
      std::make_unique<append_pool>(*made->dispatcher_, made->options_.max_event_bytes);
  made->runner_begins();
  made->dispatcher_->start(on->run_when_woken(made->dispatcher_));
  made->runner_begins();
  made->passivation_ =
      on->run_periodically(make_intrusive<passivation>(*made), made->options_.passivation_interval);
  return made;
}

/// By the holder of the mutex; null: not yet.
std::shared_ptr<type_host> engine::hosted(const aggregate_model& model) const {
  const auto found = hosts_.find(model.type_name);
  if (found == hosts_.end())
    return nullptr;
  check(found->second->model().identity == model.identity,
        "two aggregate types of the application have the same type_name");
  return found->second;
}

result<std::shared_ptr<aggregate_host>> engine::host(std::unique_ptr<aggregate_model> model) {
  using hosted_type = result<std::shared_ptr<aggregate_host>>;
  {
    const std::lock_guard lock{mutex_};
    if (auto known = hosted(*model))
      return hosted_type{std::move(known)};
  }
  if (auto checked = check_options(model->options); !checked)
    return std::move(checked).error();
  // Outside of the lock: it waits for the journal.
  if (auto declared = journal_.declare_schemas(model->schemas()); !declared)
    return std::move(declared).error();
  const std::lock_guard lock{mutex_};
  if (auto known = hosted(*model)) // by another thread meanwhile
    return hosted_type{std::move(known)};
  auto name = model->type_name;
  auto made = std::make_shared<type_host>(shared_from_this(), std::move(model));
  if (!closing()) // else nobody empties `hosts_`, and the two keep each other for ever
    hosts_.emplace(std::move(name), made);
  return hosted_type{std::move(made)};
}

void engine::passivate_all() {
  if (closing_.exchange(true))
    return;
  for (const auto& host : all_hosts())
    host->passivate_all();
  dispatcher_->stop();
  passivation_->wake();
}

bool engine::drained() const noexcept {
  const std::lock_guard lock{mutex_};
  return live_runners_ == 0;
}

void engine::wait_until_gone() {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [this] { return live_runners_ == 0; });
}

void engine::empty_memory() {
  for (const auto& host : all_hosts())
    host->passivate_all();
}

bool engine::memory_is_empty() const noexcept {
  const std::lock_guard lock{mutex_};
  return live_runners_ <= own_runners;
}

void engine::wait_until_memory_is_empty() {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [this] { return live_runners_ <= own_runners; });
}

result<void> engine::declare_schemas() {
  for (const auto& host : all_hosts())
    if (auto declared = journal_.declare_schemas(host->model().schemas()); !declared)
      return declared;
  return {};
}

void engine::detach() noexcept {
  {
    const std::lock_guard lock{mutex_};
    hosts_.clear(); // which keep the engine
  }
  loader_.stop();
  dispatcher_->start({});
  passivation_.reset();
}

void engine::runner_begins() noexcept {
  const std::lock_guard lock{mutex_};
  ++live_runners_;
}

void engine::runner_ended() noexcept {
  const std::lock_guard lock{mutex_};
  if (--live_runners_ == 0 || live_runners_ == own_runners)
    changed_.notify_all();
}

std::vector<std::shared_ptr<type_host>> engine::all_hosts() const {
  const std::lock_guard lock{mutex_};
  std::vector<std::shared_ptr<type_host>> all;
  for (const auto& [name, host] : hosts_)
    all.push_back(host);
  return all;
}

result<std::chrono::steady_clock::time_point> engine::now() const noexcept {
  auto time = ask_clock(options_.now);
  if (!time && log())
    log()->write_rarely(log()->clock_failed, log_level::warning, "clock_failed",
                        {{"error", time.error().message()}});
  return time;
}

std::size_t engine::excess() const noexcept {
  const auto resident = counts_.resident.load(std::memory_order_relaxed);
  const auto bytes = counts_.resident_bytes.load(std::memory_order_relaxed);
  std::size_t too_many = resident > options_.max_resident ? resident - options_.max_resident : 0;
  if (bytes > options_.max_resident_bytes && resident > 0) {
    const auto average = std::max<std::size_t>(1, bytes / resident);
    too_many = std::max(too_many, (bytes - options_.max_resident_bytes) / average + 1);
  }
  return too_many;
}

bool engine::over_residency_bound() const noexcept {
  return excess() > 0;
}

void engine::relieve() noexcept {
  if (!relieving_.exchange(true))
    passivation_->wake();
}

void engine::passivate_some() noexcept {
  relieving_.store(false);
  const auto hosts = all_hosts();
  const auto time = now();
  for (const auto& host : hosts) {
    if (!time)
      break;
    // All shards are looked at four times within the timeout, so idle ones leave at most a quarter
    // late.
    const auto timeout = std::max<std::chrono::milliseconds>(host->model().options.idle_timeout,
                                                             std::chrono::milliseconds{1});
    const auto shards = std::clamp<std::size_t>(
        4 * type_host::shard_count * static_cast<std::size_t>(options_.passivation_interval.count())
            / static_cast<std::size_t>(timeout.count()),
        1, type_host::shard_count);
    host->sweep_idle(shards, *time);
  }
  auto wanted = excess();
  for (const bool sparing : {true, false}) {
    for (std::size_t i = 0; i < type_host::shard_count && wanted > 0; ++i) {
      for (const auto& host : hosts) {
        const auto shard = (sweep_hand_ + i) % type_host::shard_count;
        wanted -= std::min(wanted, host->sweep_excess(shard, wanted, sparing));
      }
    }
  }
  ++sweep_hand_;
}

} // namespace cairn::detail
