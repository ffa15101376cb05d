#include <cairn/reading_runtime.hpp>

#include "core/runtime_core.hpp"
#include "runtime/open_storage.hpp"
#include "support/logger.hpp"

#include <utility>

namespace cairn {

result<reading_runtime> reading_runtime::open(lmdb storage, reading_options options) {
  auto projections = detail::folder_of(storage, "projections");
  auto subscriptions = detail::folder_of(storage, "subscriptions");
  auto events = open_lmdb_journal_for_reading(std::move(storage));
  if (!events)
    return std::move(events).error();
  detail::runtime_core::setup setup{.projections = std::move(projections),
                                    .subscriptions = std::move(subscriptions)};
  setup.engine.now = options.clock;
  setup.environment.turns.now = options.clock;
  setup.log = std::make_shared<detail::logger>(std::move(options.log));
  return reading_runtime{
      std::make_unique<detail::runtime_core>(*std::move(events), std::move(setup))};
}

reading_runtime::reading_runtime(std::unique_ptr<detail::runtime_core> core) noexcept
  : runtime_base{std::move(core)} {}

} // namespace cairn
