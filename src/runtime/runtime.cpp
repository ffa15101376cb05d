#include <cairn/runtime.hpp>

#include "runtime/open_storage.hpp"
#include "runtime/own_executor.hpp"
#include "runtime/runtime_access.hpp"
#include "support/logger.hpp"
#include "support/option_range.hpp"

#include <cairn/detail/user_code.hpp>

#include <algorithm>
#include <string>
#include <thread>
#include <utility>

namespace cairn {
namespace {

constexpr std::size_t most_threads = 1024;

// Any query fits, and any command that is not itself large.
constexpr std::size_t least_outstanding_bytes = std::size_t{64} << 10;

std::size_t thread_count(const runtime_options& options) {
  return options.threads ? options.threads
                         : std::max<std::size_t>(2, std::thread::hardware_concurrency());
}

result<void> check(const runtime_options& options) {
  return detail::option_ranges{"runtime_options"}
      .check("threads", options.threads, 0, most_threads)
      .check("max_outstanding", options.max_outstanding, 1)
      .check("max_outstanding_bytes", options.max_outstanding_bytes, least_outstanding_bytes)
      .check("max_resident", options.max_resident, 1)
      .check("max_resident_bytes", options.max_resident_bytes, 1)
      .outcome();
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
                              .environment = {.turns = {.now = options.clock}},
                              .log = std::make_shared<detail::logger>(options.log)})};
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
          .ignored_snapshots = counts.ignored_snapshots.load(),
          .log_failures = core().log_failures()};
}

result<void> runtime::reopen() {
  detail::forbid_within(detail::hold_up_the_end, "runtime::reopen");
  return core().reopen();
}

} // namespace cairn
