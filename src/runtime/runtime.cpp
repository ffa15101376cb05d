#include <cairn/runtime.hpp>

#include <cairn/memory_journal.hpp>

#include "runtime/runtime_parts.hpp"

#include <algorithm>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace cairn {
namespace {

std::size_t thread_count(const runtime_options& options) {
  return options.threads ? options.threads
                         : std::max<std::size_t>(2, std::thread::hardware_concurrency());
}

result<void> check(const runtime_options& options) {
  const auto must_be_positive = [](std::size_t value, const char* name) -> result<void> {
    if (value == 0)
      return error{errc::invalid_argument,
                   std::string{"runtime_options::"} + name + " must not be 0"};
    return {};
  };
  for (const auto& checked :
       {must_be_positive(options.max_outstanding, "max_outstanding"),
        must_be_positive(options.max_outstanding_bytes, "max_outstanding_bytes"),
        must_be_positive(options.max_resident, "max_resident"),
        must_be_positive(options.max_resident_bytes, "max_resident_bytes")}) {
    if (!checked)
      return checked.error();
  }
  return {};
}

result<std::unique_ptr<journal>> open_journal(const runtime_options& options) {
  if (options.directory.empty()) {
    return make_memory_journal({.max_event_bytes = options.journal.max_event_bytes,
                                .wall_clock = options.journal.wall_clock});
  }
  auto with = options.journal;
  with.directory = options.directory;
  return open_lmdb_journal(std::move(with));
}

detail::engine_options engine_options_of(const runtime_options& options) {
  return {.max_outstanding = options.max_outstanding,
          .max_outstanding_bytes = options.max_outstanding_bytes,
          .max_resident = options.max_resident,
          .max_resident_bytes = options.max_resident_bytes,
          .max_concurrent_rehydrations = options.max_concurrent_rehydrations
                                             ? options.max_concurrent_rehydrations
                                             : std::max<std::size_t>(1, thread_count(options) / 2),
          .max_event_bytes = options.journal.max_event_bytes,
          .now = options.clock};
}

std::unique_ptr<detail::projection_set> make_projections(const journal& events,
                                                         const runtime_options& options) {
  auto root =
      options.directory.empty() ? std::filesystem::path{} : options.directory / "projections";
  return std::make_unique<detail::projection_set>(
      events, std::move(root), detail::projection_environment{.turns = {.now = options.clock}});
}

} // namespace

result<runtime> runtime_access::open(runtime_options options, caf::actor_system* system) {
  if (auto checked = check(options); !checked)
    return std::move(checked).error();
  auto events = open_journal(options);
  if (!events)
    return std::move(events).error();
  auto parts = std::make_unique<runtime::parts>();
  parts->events = *std::move(events);
  parts->projections = make_projections(*parts->events, options);
  if (!system) {
    if (auto enough = detail::seam::owned_system::check_threads(thread_count(options)); !enough)
      return std::move(enough).error();
    system = &parts->own_system.emplace(thread_count(options)).get();
  }
  parts->engine = detail::engine::start(*system, *parts->events, engine_options_of(options));
  parts->engine->tell(parts->projections.get());
  return runtime{std::move(parts)};
}

result<runtime> runtime::open(runtime_options options) {
  return runtime_access::open(std::move(options), nullptr);
}

result<runtime> runtime::open_for_reading(runtime_options options) {
  if (auto checked = check(options); !checked)
    return std::move(checked).error();
  auto with = options.journal;
  with.directory = options.directory;
  auto events = open_lmdb_journal_for_reading(std::move(with));
  if (!events)
    return std::move(events).error();
  auto made = std::make_unique<parts>();
  made->events = *std::move(events);
  made->projections = make_projections(*made->events, options);
  made->reading.emplace(*made->events, options.clock);
  return runtime{std::move(made)};
}

runtime::runtime(std::unique_ptr<parts> made) noexcept : parts_{std::move(made)} {}
runtime::runtime(runtime&&) noexcept = default;

runtime& runtime::operator=(runtime&& other) noexcept {
  if (this != &other) {
    (void)close();
    parts_ = std::move(other.parts_);
  }
  return *this;
}

runtime::~runtime() {
  (void)close();
}

result<std::shared_ptr<detail::aggregate_host>>
runtime::host(std::unique_ptr<detail::aggregate_model> model) {
  return parts_->engine ? parts_->engine->host(std::move(model))
                        : parts_->reading->host(std::move(model));
}

result<subscription> runtime::subscribe(const event_selection& selection,
                                        std::function<void(const event_view&)> handler,
                                        const subscription_options& options) {
  return parts_->subscriptions().subscribe(selection, options, std::move(handler));
}

result<event_feed> runtime::follow(const event_selection& selection,
                                   const subscription_options& options) {
  return parts_->subscriptions().follow(selection, options);
}

result<std::shared_ptr<detail::projection_host>>
runtime::project(std::unique_ptr<detail::projection_model> model, projection_options options) {
  if (!parts_->engine && options.mode == projection_mode::inlined)
    return error{errc::invalid_argument, "a runtime for reading gives no replies that a projection "
                                         "could be inlined in"};
  const schema_declaration rows{.owner = "projection " + model->name, .rows = model->rows};
  if (auto declared = parts_->events->declare_schemas(rows); !declared)
    return std::move(declared).error();
  return parts_->projections->project(std::move(model), std::move(options));
}

const journal& runtime::journal() const noexcept {
  return *parts_->events;
}

runtime_status runtime::status() const {
  if (!parts_->engine)
    return {.journal = parts_->events->status()};
  auto& engine = *parts_->engine;
  const auto& counts = engine.counts();
  return {.journal = parts_->events->status(),
          .outstanding = engine.admitted().requests(),
          .outstanding_bytes = engine.admitted().bytes(),
          .resident = counts.resident.load(),
          .resident_bytes = counts.resident_bytes.load(),
          .waiting_rehydrations = engine.gate().waiting(),
          .rehydrations = counts.rehydrations.load(),
          .passivations = counts.passivations.load(),
          .overloaded = counts.overloaded.load() + engine.admitted().refused(),
          .ignored_snapshots = counts.ignored_snapshots.load()};
}

result<void> runtime::close() {
  if (!parts_)
    return {};
  const std::lock_guard one_at_a_time{parts_->closing};
  if (std::exchange(parts_->closed, true))
    return {};
  if (!parts_->engine) {
    parts_->reading->close();
    auto flushed = parts_->projections->close();
    auto closed = parts_->events->close();
    return closed ? std::move(flushed) : std::move(closed);
  }
  parts_->engine->close();
  auto flushed = parts_->projections->close();
  auto closed = parts_->events->close();
  parts_->engine->detach();
  parts_->own_system.reset();
  return closed ? std::move(flushed) : std::move(closed);
}

} // namespace cairn
