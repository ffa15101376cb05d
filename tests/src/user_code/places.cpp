// Every place where a function of the application runs, and how it is brought about.

#include "world.hpp"

#include <coroutine>
#include <cstdlib>
#include <exception>
#include <memory>
#include <utility>

namespace test {
namespace {

using body = const std::function<void()>&;

/// One of the aggregates for each thread that comes to the place.
std::string id_of(int number) {
  return "desk-" + std::to_string(number);
}

struct fire_and_forget {
  struct promise_type {
    fire_and_forget get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

fire_and_forget resume_with(cairn::future<cairn::reply> answer, std::function<void()> call) {
  (void)co_await answer;
  call();
}

/// Makes the call in its destructor, unless it has been moved from.
struct calls_at_end {
  explicit calls_at_end(std::function<void()> call) : call_{std::move(call)} {}
  calls_at_end(calls_at_end&& other) noexcept : call_{std::exchange(other.call_, nullptr)} {}
  calls_at_end& operator=(calls_at_end&&) = delete;
  ~calls_at_end() {
    if (call_)
      call_();
  }
  std::function<void()> call_;
};

void put_one(world& in, body, int number) {
  (void)in.put(id_of(number)).get();
}

/// Its state is dropped and rebuilt. It is in memory already.
void upset_one(world& in, body, int number) {
  (void)in.desks->ask(id_of(number), upset{}).get();
  (void)in.put(id_of(number)).get();
}

void query_one(world& in, body call, int number) {
  (void)in.desks->query(id_of(number), [&](const desk_now&) { return call(), 0; }).get();
}

void copy_state(world& in, body, int number) {
  (void)in.desks->query(id_of(number), [](const desk_now& now) { return now; }).get();
}

/// Its future is dropped first, so that the runtime drops it.
void drop_query(world& in, body call, int number) {
  (void)in.put(id_of(number), "hold");
  auto held = std::make_shared<calls_at_end>(call);
  (void)in.desks->query(id_of(number), [held = std::move(held)](const desk_now&) { return 0; });
  in.hold.open();
}

void poison_one(world& in, body, int number) {
  (void)in.put(id_of(number), "poison").get();
}

void then_pending(world& in, body call, int number) {
  in.put(id_of(number), "hold").then([call](auto&&) { call(); });
  in.hold.open();
}

void then_ready(world&, body call, int) {
  cairn::future<int>::settled(1).then([call](auto&&) { call(); });
}

void then_dropped(world& in, body call, int number) {
  in.put(id_of(number), "hold").then([held = calls_at_end{call}](auto&&) {});
  in.hold.open();
}

void coroutine(world& in, body call, int number) {
  resume_with(in.put(id_of(number), "hold"), call);
  in.hold.open();
}

void then_visible(world& in, body call, int number) {
  in.projection->when_visible(in.runtime->journal().last_position() + 1).then([call](auto&&) {
    call();
  });
  (void)in.put(id_of(number)).get();
}

void handle(world& in, body call, int number) {
  in.take(in.desks->subscribe("s" + id_of(number), [call](const auto&, const note_put&) { call(); })
              .value());
  (void)in.put("s" + id_of(number)).get();
}

void fail_handling(world& in, body call, int number) {
  cairn::subscription_options options;
  options.on_failure = [call](const cairn::error&) { call(); };
  in.take(in.desks
              ->subscribe(
                  "s" + id_of(number),
                  [](const auto&, const note_put&) { throw std::runtime_error{"no"}; }, options)
              .value());
  (void)in.put("s" + id_of(number)).get();
}

void drop_handler(world& in, body call, int number) {
  auto held = std::make_shared<calls_at_end>(call);
  in.take(in.desks
              ->subscribe("s" + id_of(number),
                          [held = std::move(held)](const auto&, const note_put&) {
                            throw std::runtime_error{"no"};
                          })
              .value());
  (void)in.put("s" + id_of(number)).get();
}

void handle_durably(world& in, body call, int number) {
  in.take(in.runtime
              ->subscribe_durably("handler" + std::to_string(number),
                                  cairn::event_selection::tagged("note-d" + std::to_string(number)),
                                  [call](const cairn::event_view&) { call(); })
              .value());
  (void)in.put(id_of(number), "d" + std::to_string(number)).get();
}

void pause_durably(world& in, body call, int number) {
  cairn::durable_subscription_options options;
  options.max_attempts = 2;
  options.pause_between_attempts = [call](std::chrono::milliseconds) { call(); };
  in.take(in.runtime
              ->subscribe_durably(
                  "handler" + std::to_string(number),
                  cairn::event_selection::tagged("note-d" + std::to_string(number)),
                  [](const cairn::event_view&) { throw std::runtime_error{"no"}; }, options)
              .value());
  (void)in.put(id_of(number), "d" + std::to_string(number)).get();
}

void visit_history(world& in, body call, int) {
  (void)in.desks->history("a", [&](const auto&, const auto&) { call(); });
}

void visit_feed(world& in, body call, int) {
  auto feed = in.runtime->follow(cairn::event_selection::all()).value();
  (void)feed.next([&](const cairn::event_view&) { return call(), cairn::visit_result::stop; });
}

void visit_rows(world& in, body call, int) {
  auto rows = std::make_unique<cairn::table_view>(in.projection->read().value());
  (void)rows->scan(boards<0>::rows, {}, [&](const std::string&, const board_row&) {
    call();
    return cairn::visit_result::stop;
  });
}

void read_state(world& in, body, int) {
  (void)in.desks->state_at_version("a", cairn::version{1});
}

void query_reading(world& in, body call, int) {
  (void)in.reading_desks().query("a", [&](const desk_now&) { return call(), 0; }).get();
}

void evolve_reading(world& in, body, int) {
  (void)in.reading_desks().query("a", [](const desk_now&) { return 0; }).get();
}

void visit_history_reading(world& in, body call, int) {
  (void)in.reading_desks().history("a", [&](const auto&, const auto&) { call(); });
}

void handle_reading(world& in, body call, int) {
  in.take(
      in.reading_desks().subscribe("a", [call](const auto&, const note_put&) { call(); }).value());
}

void by_itself(world&, body call, int) {
  call();
}

constexpr const char* in_turn = "the copy or destructor of a state, or of what a command or query "
                                "holds";
constexpr const char* in_projection = "the handler of a projection";
constexpr const char* in_handler = "the handler of a subscription";
constexpr const char* in_durable = "the handler of a durable subscription";

constexpr place places[] = {
    {"thread", "", "", by_itself},
    {"decide", "T", "decide", put_one, spot::decide},
    {"evolve", "TE", "evolve", put_one, spot::evolve},
    {"evolve-rebuilding", "TE", "evolve", upset_one, spot::evolve},
    {"evolve-of-the-past", "TE", "evolve", read_state, spot::evolve},
    {"tags", "T", "tags", put_one, spot::tags},
    {"wants_snapshot", "T", "wants_snapshot", put_one, spot::wants_snapshot},
    {"query", "T", "a query function", query_one},
    {"state-copy", "T", "a query function", copy_state, spot::state_copy},
    {"state-destructor", "T", in_turn, upset_one, spot::state_destructor},
    {"query-destructor", "T", in_turn, drop_query},
    {"project", "P", in_projection, put_one, spot::project},
    {"project-inline", "P", in_projection, put_one, spot::project, {.inline_projection = true}},
    {"index", "P", in_projection, put_one, spot::index},
    {"project-pause", "P", in_projection, poison_one, spot::pause, {.failing_projection = true}},
    {"then", "C", "a continuation", then_pending},
    {"then-ready", "C", "a continuation", then_ready},
    {"then-destructor", "C", "a continuation", then_dropped},
    {"coroutine", "C", "a continuation", coroutine},
    {"when_visible", "C", "a continuation", then_visible},
    {"handler", "H", in_handler, handle},
    {"on_failure", "H", in_handler, fail_handling},
    {"handler-destructor", "H", in_handler, drop_handler},
    {"durable-handler", "D", in_durable, handle_durably},
    {"durable-pause", "D", in_durable, pause_durably},
    {"history", "", "", visit_history},
    {"follow", "", "", visit_feed},
    {"scan", "", "", visit_rows},
    {"clock", "K", "the application's clock", put_one, spot::clock},
    {"log-sink", "L", "the log sink", poison_one, spot::log_sink, {.failing_projection = true}},
    {"reading-query", "T", "a query function", query_reading},
    {"reading-evolve", "TE", "evolve", evolve_reading, spot::evolve},
    {"reading-clock", "K", "the application's clock", evolve_reading, spot::clock},
    {"reading-history", "", "", visit_history_reading},
    {"reading-handler", "H", in_handler, handle_reading},
    {"exit", "", "", nullptr}, // the program brings it about
};

} // namespace

std::span<const place> all_places() {
  return places;
}

} // namespace test
