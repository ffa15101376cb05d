#include "subscriptions/durable_task.hpp"

#include "support/option_range.hpp"
#include "tables/table_folders.hpp"

#include <cairn/aggregate.hpp>
#include <cairn/detail/user_code.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

namespace cairn::detail {
namespace {

constexpr table_generation only_generation{1, 1};
constexpr const char* selection_file = "selection";
constexpr std::size_t checkpoint_map_bytes = std::size_t{1} << 30; // decisions are all that grows

// Of a batch whose events are not kept: only a number to count to.
constexpr std::size_t most_batch_events = std::size_t{1} << 48;

std::string text_of(const event_selection& selection) {
  struct writer {
    std::string operator()(const event_selection::everything&) const { return "all events"; }
    std::string operator()(const event_selection::aggregate_type& type) const {
      return "the events of type " + type.name;
    }
    std::string operator()(const event_selection::one_stream& one) const {
      return "the events of stream " + one.id.name();
    }
    std::string operator()(const event_selection::one_tag& tag) const {
      return "the events with tag " + tag.name;
    }
  };
  return std::visit(writer{}, selection.what());
}

/// Beside the checkpoint, which has only a hash of it: so that a refusal can name both.
std::string read_selection(const std::filesystem::path& home) {
  std::ifstream file{home / selection_file};
  std::string text{std::istreambuf_iterator<char>{file}, {}};
  return text.empty() ? "other events" : text;
}

result<std::shared_ptr<table_store>> open_checkpoint(const std::string& name,
                                                     const event_selection& selection,
                                                     const std::filesystem::path& root) {
  const auto home = root.empty() ? root : root / name;
  const auto text = text_of(selection);
  auto opened =
      make_table_folders(home)->open(only_generation, {.shape = "subscription to " + text,
                                                       .visibility = row_visibility::at_once,
                                                       .map_bytes = checkpoint_map_bytes});
  if (!opened && opened.error().code() == errc::incompatible_format)
    return error{errc::invalid_argument,
                 "the durable subscription " + name + " follows " + read_selection(home) + ", not "
                     + text + ": give it another name, or remove " + home.string()};
  if (opened && !home.empty())
    std::ofstream{home / selection_file} << text;
  return opened;
}

consumer_options consumer_options_of(const std::string& name,
                                     const durable_subscription_options& options) {
  return {.thread_name = "cairn-durable",
          .kind = "subscription",
          .name = name,
          .handler = user_code::durable_handler,
          .batch = {.events = options.max_batch_events, .time = options.max_batch_time},
          .max_attempts = options.max_attempts,
          .initial_backoff = options.initial_backoff,
          .max_backoff = options.max_backoff,
          .pause_between_attempts = options.pause_between_attempts};
}

/// Notes where the source is in a store that has not begun; else moves the source to the
/// checkpoint.
result<void> begin_or_go_on(table_store& store, event_source& source, const std::string& name) {
  const auto begun = store.live();
  if (!begun)
    return begun.error();
  const auto shard = source.position().shard();
  if (!*begun) {
    // An opening that ended in between has noted where it is to begin, and that stays so.
    const bool is_placed = !store.position(shard).is_start();
    if (!is_placed && !source.position().is_start())
      if (auto placed = store.publish(source.checkpoint_at(source.position())); !placed)
        return placed;
    if (auto marked = store.mark_live(); !marked || !is_placed)
      return marked;
  }
  const auto at = store.checkpoint(shard);
  if (!at)
    return at.error();
  if (auto same = check_same_history(
          source, *at, "the events of durable subscription " + name + " were handled");
      !same)
    return same;
  source.seek(at->position);
  return {};
}

result<void> check_options(const durable_subscription_options& options) {
  return option_ranges{"durable_subscription_options"}
      .check("max_batch_events", options.max_batch_events, 1, most_batch_events)
      .check("max_batch_time", options.max_batch_time)
      .check("flush_interval", options.flush_interval)
      .check("max_attempts", options.max_attempts, 1)
      .check("initial_backoff", options.initial_backoff)
      .check("max_backoff", options.max_backoff)
      .outcome();
}

error is_closed() {
  return {errc::shut_down, "the durable subscription is closed"};
}

} // namespace

durable_task::durable_task(std::string name, std::unique_ptr<event_source> source,
                           std::shared_ptr<table_store> store, durable_handler handle,
                           const durable_subscription_options& options,
                           const consumer_environment& environment)
  : name_{std::move(name)}, environment_{environment}, target_{std::move(store),
                                                               source->position().shard(),
                                                               std::move(handle),
                                                               [this] { flusher_.rows_changed(); }},
    flusher_{target_.store(), options.flush_interval,
             [this](const error& why) {
               consumer_.back_off(why);
               return !consumer_.stopped();
             }},
    consumer_{std::move(source), target_, consumer_options_of(name_, options), environment, {}} {}

result<std::shared_ptr<durable_task>>
durable_task::open(std::string name, const journal& events, const event_selection& selection,
                   durable_handler& handle, const durable_subscription_options& options,
                   const std::filesystem::path& root, const consumer_environment& environment) {
  if (!valid_type_name(name))
    return error{errc::invalid_argument,
                 "a durable subscription's name is 1 to 64 of a-z 0-9 - _ ., not \"" + name + '"'};
  if (auto checked = check_options(options); !checked)
    return std::move(checked).error();
  auto source = make_event_source(events, nullptr, selection, options.start);
  if (!source)
    return std::move(source).error();
  auto store = open_checkpoint(name, selection, root);
  if (!store)
    return std::move(store).error();
  if (auto ready = begin_or_go_on(**store, **source, name); !ready)
    return std::move(ready).error();
  return std::shared_ptr<durable_task>{new durable_task{std::move(name), *std::move(source),
                                                        *std::move(store), std::move(handle),
                                                        options, environment}};
}

result<void> durable_task::start() {
  if (!environment_.by_threads)
    return {};
  if (auto started = consumer_.start(); !started)
    return started;
  return flusher_.start();
}

void durable_task::turn() {
  consumer_.turn();
  flusher_.flush_if_due();
}

void durable_task::retire() {
  consumer_.retire();
  flusher_.retire();
}

result<void> durable_task::close() {
  if (user_code_scope::current().empty())
    return finish();
  retire();
  return {};
}

result<void> durable_task::finish() {
  retire();
  const std::lock_guard one_at_a_time{closing_};
  if (closed_)
    return {};
  gate_.close();
  gate_.wait_until_empty();
  consumer_.stop();
  flusher_.stop();
  auto written = target_.store().close();
  closed_ = true;
  return written;
}

durable_subscription_status durable_task::status() const {
  durable_subscription_status status;
  status.name = name_;
  const gate::holder inside{gate_};
  const auto report = consumer_.status();
  status.state = inside ? report.state : consumer_state::closed;
  status.position = report.position;
  status.checkpoint = target_.store().status().checkpoint;
  status.rate_per_s = report.rate_per_s;
  status.last_error = report.last_error;
  status.attempts = report.attempts;
  const auto& source = consumer_.source();
  status.head = std::max(status.position, inside ? source.last_position() : cairn::position{});
  status.lag_events = status.head - status.position;
  if (inside && status.lag_events > 0)
    if (const auto since = source.recorded_after(status.position))
      status.lag = std::chrono::duration_cast<std::chrono::milliseconds>(
          std::chrono::system_clock::now() - *since);
  return status;
}

result<void> durable_task::decide(projection_decision::kind what, std::string reason) {
  const gate::holder inside{gate_};
  if (!inside || consumer_.retired())
    return is_closed();
  auto locked = consumer_.lock();
  const auto decided = consumer_.decide_locked(what, std::move(reason));
  locked.unlock();
  if (!decided)
    return decided.error();
  consumer_.report_decision(*decided);
  return {};
}

} // namespace cairn::detail

namespace cairn {

durable_subscription::durable_subscription(std::shared_ptr<detail::durable_task> made) noexcept
  : task_{std::move(made)} {}
durable_subscription::durable_subscription(durable_subscription&&) noexcept = default;

durable_subscription& durable_subscription::operator=(durable_subscription&& other) noexcept {
  if (this != &other) {
    if (task_)
      (void)task_->close();
    task_ = std::move(other.task_);
  }
  return *this;
}

durable_subscription::~durable_subscription() {
  if (task_)
    (void)task_->close();
}

result<void> durable_subscription::close() noexcept {
  return task_->close();
}

std::string_view durable_subscription::name() const noexcept {
  return task_->name();
}

durable_subscription_status durable_subscription::status() const {
  detail::forbid_within(detail::ask_the_clock, "durable_subscription::status");
  return task_->status();
}

cairn::position durable_subscription::position() const noexcept {
  return task_->position();
}

void durable_subscription::pause() {
  detail::forbid_within(detail::hold_up_durable_handlers, "durable_subscription::pause");
  task_->machine().pause();
}

void durable_subscription::resume() {
  task_->machine().resume();
}

result<void> durable_subscription::retry(std::string reason) {
  detail::forbid_within(detail::hold_up_durable_handlers, "durable_subscription::retry");
  return task_->decide(subscription_decision::kind::retry, std::move(reason));
}

result<void> durable_subscription::park(std::string reason) {
  detail::forbid_within(detail::hold_up_durable_handlers, "durable_subscription::park");
  return task_->decide(subscription_decision::kind::park, std::move(reason));
}

result<void> durable_subscription::skip(std::string reason) {
  detail::forbid_within(detail::hold_up_durable_handlers, "durable_subscription::skip");
  return task_->decide(subscription_decision::kind::skip, std::move(reason));
}

result<std::vector<subscription_decision>> durable_subscription::decisions() const {
  return task_->decisions();
}

result<std::vector<subscription_decision>> durable_subscription::parked() const {
  auto found = decisions();
  if (found)
    std::erase_if(*found, [](const subscription_decision& decision) {
      return decision.what != subscription_decision::kind::park;
    });
  return found;
}

} // namespace cairn
