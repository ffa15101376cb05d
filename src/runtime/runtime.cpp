#include <cairn/runtime.hpp>

#include "runtime/open_storage.hpp"
#include "runtime/own_executor.hpp"
#include "runtime/runtime_access.hpp"

#include <algorithm>
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

detail::engine_options engine_options_of(const runtime_options& options) {
  return {.max_outstanding = options.max_outstanding,
          .max_outstanding_bytes = options.max_outstanding_bytes,
          .max_resident = options.max_resident,
          .max_resident_bytes = options.max_resident_bytes,
          .max_concurrent_rehydrations = options.max_concurrent_rehydrations
                                             ? options.max_concurrent_rehydrations
                                             : std::max<std::size_t>(1, thread_count(options) / 2),
          .max_event_bytes = detail::max_event_bytes_of(options.storage),
          .now = options.clock};
}

} // namespace

result<runtime> runtime_access::open(runtime_options options,
                                     std::shared_ptr<detail::executor> on) {
  if (auto checked = check(options); !checked)
    return std::move(checked).error();
  auto events = detail::open_journal(options.storage);
  if (!events)
    return std::move(events).error();
  if (!on) {
    auto own = detail::start_own_executor(thread_count(options));
    if (!own)
      return std::move(own).error();
    on = *std::move(own);
  }
  return runtime{std::make_unique<detail::runtime_core>(
      *std::move(events), detail::runtime_core::setup{
                              .runs_on = std::move(on),
                              .engine = engine_options_of(options),
                              .projections = detail::folder_of(options.storage, "projections"),
                              .subscriptions = detail::folder_of(options.storage, "subscriptions"),
                              .environment = {.turns = {.now = options.clock}}})};
}

result<runtime> runtime::open(runtime_options options) {
  return runtime_access::open(std::move(options), nullptr);
}

runtime::runtime(std::unique_ptr<detail::runtime_core> core) noexcept
  : runtime_base{std::move(core)} {}

runtime_status runtime::status() const {
  auto& engine = *core().engine();
  const auto& counts = engine.counts();
  return {.journal = journal().status(),
          .outstanding = engine.admitted().requests(),
          .outstanding_bytes = engine.admitted().bytes(),
          .resident = counts.resident.load(),
          .resident_bytes = counts.resident_bytes.load(),
          .waiting_rehydrations = engine.loads().waiting(),
          .rehydrations = counts.rehydrations.load(),
          .passivations = counts.passivations.load(),
          .overloaded = counts.overloaded.load() + engine.admitted().refused(),
          .ignored_snapshots = counts.ignored_snapshots.load()};
}

result<void> runtime::reopen() {
  return core().reopen();
}

} // namespace cairn
