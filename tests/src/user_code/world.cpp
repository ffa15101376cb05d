#include "world.hpp"

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace test {

#ifdef CAIRN_TEST_CAF
caf::behavior ignore_events(caf::event_based_actor*, int) {
  return {[](const cairn::caf_events&) {}};
}
#endif

world::world(const needs& wanted, bool to_stop, std::filesystem::path at)
  : journal{std::move(at)}, stops{to_stop} {
  if (stops)
    gate.shut();
  hold.shut();
  desk::gate = [this] { gate.pass(); };
  desk::hold = [this] { hold.pass(); };
  cairn::runtime_options options{.storage = cairn::in_memory{}};
  options.threads = 3;
  options.max_concurrent_rehydrations = 2;
  options.clock = [] {
    hooked.at(spot::clock);
    return std::chrono::steady_clock::now();
  };
  options.log = [](const cairn::log_entry& entry) {
    if (entry.name == "projection_retries")
      hooked.at(spot::log_sink);
  };
#ifdef CAIRN_TEST_CAF
  cairn::register_caf_types();
  caf_config = std::make_unique<caf::actor_system_config>();
#if CAF_MAJOR_VERSION >= 1
  caf_config->set("caf.scheduler.max-threads", 3);
#else
  caf_config->set("scheduler.max-threads", 3);
#endif
  system = std::make_unique<caf::actor_system>(*caf_config);
  runtime = cairn::open_in(*system, std::move(options)).value();
#else
  runtime = cairn::runtime::open(std::move(options)).value();
#endif
  desks = runtime->host<desk>().value();
  cairn::projection_options projecting{.mode = wanted.inline_projection
                                                   ? cairn::projection_mode::before_reply
                                                   : cairn::projection_mode::async};
  if (wanted.failing_projection) {
    projecting.max_attempts = 2;
    projecting.pause_between_attempts = [](std::chrono::milliseconds) { hooked.at(spot::pause); };
  }
  projection = runtime->project<boards<0>>(std::move(projecting)).value();
  subscription = desks->subscribe("nobody", [](const auto&, const note_put&) {}).value();
  durable = runtime
                ->subscribe_durably("idle", cairn::event_selection::tagged("nothing"),
                                    [](const cairn::event_view&) {})
                .value();
  feed = runtime->follow(cairn::event_selection::all()).value();
#ifdef CAIRN_TEST_CAF
  delivery = cairn::subscribe_actor(*runtime, cairn::event_selection::tagged("nothing"),
                                    system->spawn(ignore_events, 0))
                 .value();
#endif
  for (const char* id :
       {"a", "b", "desk-0", "desk-1", "desk-2", "desk-3", "desk-4", "desk-5", "desk-6", "desk-7"})
    put(id).get().value();
  projection->wait_for(runtime->journal().last_position()).value();
}

void world::take(cairn::subscription own) {
  if (!at_once) {
    subscription = std::move(own);
    return;
  }
  const std::lock_guard lock{mutex_};
  kept_.push_back(std::move(own));
}

void world::take(cairn::durable_subscription own) {
  if (!at_once) {
    durable = std::move(own);
    return;
  }
  const std::lock_guard lock{mutex_};
  kept_durable_.push_back(std::move(own));
}

void world::returned() {
  const std::lock_guard lock{mutex_};
  ++returned_;
  changed_.notify_all();
}

void world::wait_until_returned(int times) {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [&] { return returned_ >= times; });
}

cairn::reading_runtime& world::reading() {
  const std::lock_guard lock{mutex_};
  if (!reading_) {
    cairn::reading_options options;
    options.clock = [] {
      hooked.at(spot::clock);
      return std::chrono::steady_clock::now();
    };
    reading_ = cairn::reading_runtime::open({.directory = journal}, std::move(options)).value();
    reading_desks_ = reading_->host<desk>().value();
  }
  return *reading_;
}

cairn::aggregate_reader<desk> world::reading_desks() {
  (void)reading();
  return *reading_desks_;
}

} // namespace test
