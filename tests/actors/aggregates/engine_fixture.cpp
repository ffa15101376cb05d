#include "engine_fixture.hpp"

#include "aggregates/type_host.hpp"
#include "core/runtime_core.hpp"
#include "scheduling/stepped_executor.hpp"
#include "scheduling/thread_executor.hpp"

#include <variant>

namespace test {
namespace {

cairn::detail::engine_options options_of(const engine_setup& setup) {
  cairn::detail::engine_options options;
  options.max_outstanding = setup.max_outstanding;
  options.max_outstanding_bytes = setup.max_outstanding_bytes;
  options.max_resident = setup.max_resident;
  options.max_resident_bytes = setup.max_resident_bytes;
  options.max_concurrent_rehydrations = setup.max_concurrent_rehydrations;
  options.max_event_bytes = setup.max_event_bytes;
  return options;
}

engine_figures figures_of(cairn::detail::engine& engine) {
  const auto& counts = engine.counts();
  return {.outstanding = engine.admitted().requests(),
          .outstanding_bytes = engine.admitted().bytes(),
          .resident = counts.resident.load(),
          .resident_bytes = counts.resident_bytes.load(),
          .waiting_rehydrations = engine.loads().waiting(),
          .rehydrations = counts.rehydrations.load(),
          .passivations = counts.passivations.load(),
          .overloaded = counts.overloaded.load() + engine.admitted().refused(),
          .ignored_snapshots = counts.ignored_snapshots.load()};
}

} // namespace

struct test_engine::parts {
  explicit parts(cairn::journal& events, const engine_setup& setup) {
    auto options = options_of(setup);
    options.now = [this] { return now; };
    core.emplace(events, cairn::detail::runtime_core::setup{.runs_on = executor,
                                                            .engine = std::move(options)});
    executor->run();
  }

  cairn::detail::engine& engine() { return *core->engine(); }

  const std::shared_ptr<stepped_executor> executor = std::make_shared<stepped_executor>();
  std::chrono::steady_clock::time_point now{std::chrono::hours{1}};
  std::optional<cairn::detail::runtime_core> core;
};

test_engine::test_engine(cairn::journal& events, const engine_setup& setup)
  : parts_{std::make_unique<parts>(events, setup)} {}

test_engine::~test_engine() {
  close();
}

void test_engine::tell(cairn::detail::commit_listener* listener) {
  parts_->engine().tell(listener);
}

cairn::result<std::shared_ptr<cairn::detail::aggregate_host>>
test_engine::host(std::unique_ptr<cairn::detail::aggregate_model> model) {
  return parts_->core->host(std::move(model));
}

void test_engine::run() {
  parts_->executor->run();
}

bool test_engine::run_once() {
  return parts_->executor->run_once();
}

void test_engine::pass(std::chrono::milliseconds time) {
  parts_->now += time;
  for (std::size_t round = 0; round < cairn::detail::type_host::shard_count; ++round) {
    parts_->executor->advance(parts_->engine().options().passivation_interval);
    run();
  }
}

void test_engine::pass_time_only(std::chrono::milliseconds time) {
  parts_->now += time;
  parts_->executor->advance(parts_->engine().options().passivation_interval);
}

std::chrono::steady_clock::time_point test_engine::now() const {
  return parts_->now;
}

engine_figures test_engine::figures() const {
  return figures_of(parts_->engine());
}

void test_engine::close() {
  auto& core = *parts_->core;
  while (!core.is_closed()) {
    run();
    core.take_step();
  }
}

struct threaded_engine::parts {
  parts(cairn::journal& events, cairn::detail::engine_options options, std::size_t threads)
    : core{events,
           {.runs_on = cairn::detail::thread_executor::start(threads).value(),
            .engine = std::move(options)}} {}

  cairn::detail::runtime_core core;
};

threaded_engine::threaded_engine(cairn::journal& events, const engine_setup& setup,
                                 std::chrono::milliseconds passivation_interval) {
  auto options = options_of(setup);
  options.passivation_interval = passivation_interval;
  parts_ = std::make_unique<parts>(events, std::move(options), setup.executor_threads);
}

threaded_engine::~threaded_engine() = default;

cairn::result<std::shared_ptr<cairn::detail::aggregate_host>>
threaded_engine::host(std::unique_ptr<cairn::detail::aggregate_model> model) {
  return parts_->core.host(std::move(model));
}

engine_figures threaded_engine::figures() const {
  return figures_of(*parts_->core.engine());
}

void threaded_engine::close() {
  CHECK(parts_->core.close());
}

cairn::result<cairn::commit> append_foreign(scripted_journal& events, std::string_view id,
                                            account::event event, cairn::message_id command_id) {
  const auto stream = stream_of(id);
  cairn::event_batch batch;
  const cairn::event_metadata metadata{
      .command_id = command_id, .correlation_id = {}, .causation_id = {}, .tags = {}};
  std::visit([&](const auto& one) { REQUIRE(batch.add(stream, metadata, one)); }, event);
  return events.beneath().append(stream, cairn::expected_version::any(), std::move(batch));
}

} // namespace test
