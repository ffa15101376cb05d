#include <cairn/runtime.hpp>

#include <cairn/memory_journal.hpp>

#include "runtime/own_executor.hpp"
#include "runtime/runtime_access.hpp"

#include <algorithm>
#include <optional>
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

std::filesystem::path folder_of(const runtime_options& options, const char* name) {
  return options.directory.empty() ? std::filesystem::path{} : options.directory / name;
}

} // namespace

result<runtime> runtime_access::open(runtime_options options,
                                     std::shared_ptr<detail::executor> on) {
  if (auto checked = check(options); !checked)
    return std::move(checked).error();
  auto events = open_journal(options);
  if (!events)
    return std::move(events).error();
  if (!on) {
    auto own = detail::start_own_executor(thread_count(options));
    if (!own)
      return std::move(own).error();
    on = *std::move(own);
  }
  return runtime{std::make_unique<detail::runtime_core>(
      *std::move(events),
      detail::runtime_core::setup{.runs_on = std::move(on),
                                  .engine = engine_options_of(options),
                                  .projections = folder_of(options, "projections"),
                                  .subscriptions = folder_of(options, "subscriptions"),
                                  .environment = {.turns = {.now = options.clock}}})};
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
  return runtime{std::make_unique<detail::runtime_core>(
      *std::move(events),
      detail::runtime_core::setup{.engine = {.now = options.clock},
                                  .projections = folder_of(options, "projections"),
                                  .subscriptions = folder_of(options, "subscriptions"),
                                  .environment = {.turns = {.now = options.clock}}})};
}

runtime::runtime(std::unique_ptr<detail::runtime_core> core) noexcept : core_{std::move(core)} {}
runtime::runtime(runtime&&) noexcept = default;

runtime& runtime::operator=(runtime&& other) noexcept {
  if (this != &other) {
    (void)close();
    core_ = std::move(other.core_);
  }
  return *this;
}

runtime::~runtime() {
  (void)close();
}

result<std::shared_ptr<detail::aggregate_host>>
runtime::host(std::unique_ptr<detail::aggregate_model> model) {
  return core_->host(std::move(model));
}

result<subscription> runtime::subscribe(const event_selection& selection,
                                        std::function<void(const event_view&)> handler,
                                        const subscription_options& options) {
  return core_->subscriptions().subscribe(selection, options, std::move(handler));
}

result<durable_subscription>
runtime::subscribe_durably(std::string name, const event_selection& selection,
                           durable_handler handler, const durable_subscription_options& options) {
  return core_->durable_subscriptions().subscribe(std::move(name), selection, std::move(handler),
                                                  options);
}

result<event_feed> runtime::follow(const event_selection& selection,
                                   const subscription_options& options) {
  return core_->subscriptions().follow(selection, options);
}

result<std::shared_ptr<detail::projection_host>>
runtime::project(std::unique_ptr<detail::projection_model> model, projection_options options) {
  return core_->project(std::move(model), std::move(options));
}

const journal& runtime::journal() const noexcept {
  return core_->journal();
}

runtime_status runtime::status() const {
  if (!core_->engine())
    return {.journal = journal().status()};
  auto& engine = *core_->engine();
  const auto& counts = engine.counts();
  return {.journal = journal().status(),
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
  return core_ ? core_->close() : result<void>{};
}

} // namespace cairn
