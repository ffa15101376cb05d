#include "projections/projection_worker.hpp"

#include <utility>

namespace cairn::detail {
namespace {

consumer_options consumer_options_of(const projection_model& model,
                                     const projection_options& options, bool follows) {
  return {.thread_name = "cairn-project",
          .kind = "projection",
          .name = model.name,
          .handler = user_code::project,
          .batch = {.events = options.max_batch_events, .time = options.max_batch_time},
          .max_attempts = options.max_attempts,
          .initial_backoff = options.initial_backoff,
          .max_backoff = options.max_backoff,
          .pause_between_attempts = options.pause_between_attempts,
          .follows = follows,
          .is_inline = options.mode == projection_mode::before_reply};
}

} // namespace

projection_worker::projection_worker(const projection_model& model, const log_reader& log,
                                     std::shared_ptr<table_store> store, std::uint32_t version,
                                     const projection_options& options, bool follows,
                                     const projection_environment& environment,
                                     listener on_progress)
  : model_{model}, version_{version}, environment_{environment}, follows_{follows},
    target_{model,   std::move(store),  log.last_position().shard(),
            options, environment.turns, [this] { flusher_.rows_changed(); }},
    flusher_{target_.store(), options.flush_interval,
             [this](const error& why) {
               consumer_.back_off(why);
               return !consumer_.stopped();
             }},
    consumer_{make_log_source(log, target_.position()), target_,
              consumer_options_of(model, options, follows), environment.turns,
              [this, on_progress = std::move(on_progress)] { on_progress(*this); }} {}

result<void> projection_worker::check_history() const {
  const auto at = store().checkpoint(consumer_.source().position().shard());
  if (!at)
    return at.error();
  return check_same_history(consumer_.source(), *at,
                            "the tables of projection " + model_.name + " were folded");
}

result<void> projection_worker::start() {
  if (!follows_ || !environment_.turns.by_threads)
    return {};
  if (auto started = target_.start_threads(); !started)
    return started;
  if (auto started = consumer_.start(); !started)
    return started;
  auto started = flusher_.start();
  if (!started)
    stop();
  return started;
}

void projection_worker::turn() {
  consumer_.turn();
  if (!environment_.turns.by_threads)
    flusher_.flush_if_due();
}

void projection_worker::retire() {
  consumer_.retire();
  flusher_.retire();
}

void projection_worker::stop() {
  retire();
  consumer_.stop();
  flusher_.stop();
  target_.stop_threads();
}

std::optional<error> projection_worker::stopped() const {
  const auto reason = consumer_.stopped();
  if (!reason)
    return std::nullopt;
  return error{errc::projection_stopped, "the projection has stopped: " + reason->why.message()}
      .with_position(reason->position);
}

void projection_worker::add_to(projection_status& status) const {
  const auto report = consumer_.status();
  status.version = version_;
  status.state = report.state;
  status.position = report.position;
  status.rate_per_s = report.rate_per_s;
  status.last_error = report.last_error;
  status.attempts = report.attempts;
  status.tables = store().status();
  status.parallel_events = target_.partitions().events();
  status.parallel_retries = target_.partitions().parallel_retries();
}

} // namespace cairn::detail
