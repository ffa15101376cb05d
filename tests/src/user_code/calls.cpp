// Every function of the public interface, and the places where it stops the program. The headers
// say the same; tests/tidy looks for functions that have no row.

#include "world.hpp"

#include <atomic>
#include <chrono>
#include <coroutine>
#include <exception>
#include <string>
#include <utility>

namespace test {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view nowhere = "";
constexpr std::string_view replies = "TCPKL";       // waits for replies, events or rows
constexpr std::string_view the_end = "TCPKLHD";     // waits for the end of something
constexpr std::string_view projections = "PKL";     // waits for the batch of a projection
constexpr std::string_view durable_ones = "TCPKLD"; // waits for the handler of a durable one
constexpr std::string_view clock_only = "K";        // asks the clock
constexpr std::string_view evolve_only = "E";       // reads events
constexpr std::string_view evolve_and_clock = "EK";

/// Names that no other call has: of durable subscriptions.
std::string fresh_name() {
  static std::atomic<int> last = 0;
  return "made-" + std::to_string(++last);
}

cairn::future<cairn::reply> pending(world& in) {
  return in.put("gate-" + fresh_name(), "gate"); // waits at the gate, if the call is to stop
}

struct task {
  struct promise_type {
    task get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

task await(cairn::future<cairn::reply> answer) {
  (void)co_await answer;
}

void nothing(const cairn::event_view&) {}

/// Destroying what was opened is another call. It may fail: when several threads come to it, the
/// first may have closed the world meanwhile.
template <class Opened>
void keep(Opened opened) {
  new Opened{std::move(opened)};
}

void next_of(world& in, cairn::subscription_start start,
             std::chrono::steady_clock::time_point deadline) {
  cairn::subscription_options from;
  from.start = start;
  if (auto feed = in.runtime->follow(cairn::event_selection::all(), from))
    (void)feed->next([](const cairn::event_view&) { return cairn::visit_result::stop; }, deadline);
}

#define CALL(what) [](world& in) { (void)in, static_cast<void>(what); }

const call calls[] = {
    {"future::valid", nowhere, CALL(pending(in).valid())},
    {"future::ready", nowhere, CALL(pending(in).ready())},
    {"future::get", replies, CALL(pending(in).get())},
    {"future::get of a ready one", nowhere, CALL(cairn::future<int>::settled(1).get())},
    {"future::get of a ready query of a reading_runtime", evolve_and_clock,
     CALL(in.reading_desks().query("a", [](const desk_now&) { return 0; }).get()),
     "aggregate_reader::query"},
    {"future::wait_for", replies, CALL(pending(in).wait_for(24h))},
    {"future::wait_for no time", nowhere, CALL(pending(in).wait_for(0s))},
    {"future::wait_until", replies,
     CALL(pending(in).wait_until(std::chrono::steady_clock::now() + 24h))},
    {"future::wait_until a time that has passed", nowhere,
     CALL(pending(in).wait_until(std::chrono::steady_clock::time_point::min()))},
    {"future::then", nowhere, CALL(pending(in).then([](auto&&) {}))},
    {"future::operator co_await", nowhere, CALL(await(pending(in)))},
    {"future::settled", nowhere, CALL(cairn::future<int>::settled(1))},
    {"future::get twice", nowhere,
     [](world&) {
       auto one = cairn::future<int>::settled(1);
       (void)one.get();
       (void)one.get();
     },
     nullptr, "cairn: future::get was called on a future whose outcome was taken before"},
    {"future::ready of one that was moved from", nowhere,
     [](world&) {
       auto one = cairn::future<int>::settled(1);
       const auto other = std::move(one);
       (void)one.ready();
     },
     nullptr, "cairn: future::ready was called on a future whose outcome was taken before"},

    {"aggregates::ask", nowhere, CALL(in.put("asked"))},
    {"aggregates::ask visible in a projection", nowhere,
     CALL(in.desks->ask("asked", put_note{}, {.visible_in = {*in.projection}}))},
    {"aggregate_reader::query", nowhere,
     CALL(in.desks->query("asked", [](const desk_now&) { return 0; }))},
    {"aggregate_reader::history", evolve_only, CALL(in.desks->history("b", [](auto&&...) {})),
     "aggregates::history"},
    {"aggregate_reader::state_at_version", evolve_only,
     CALL(in.desks->state_at_version("b", cairn::version{1})), "aggregates::state_at_version"},
    {"aggregate_reader::state_at_time", evolve_only,
     CALL(in.desks->state_at_time("b", std::chrono::system_clock::now())),
     "aggregates::state_at_time"},
    {"aggregate_reader::subscribe", nowhere,
     CALL(in.desks->subscribe([](const auto&, const note_put&) {}))},

    {"runtime::open", nowhere,
     CALL(keep(cairn::runtime::open({.storage = cairn::in_memory{}})))},
    {"runtime::host", nowhere, CALL(in.runtime->host<desk>())},
    {"runtime::status", nowhere, CALL(in.runtime->status())},
    {"runtime::reopen", the_end, CALL(in.runtime->reopen())},
    {"runtime_base::subscribe", nowhere,
     CALL(in.runtime->subscribe(cairn::event_selection::all(), nothing))},
    {"runtime_base::subscribe_durably", nowhere,
     CALL(in.runtime->subscribe_durably(fresh_name(), cairn::event_selection::all(), nothing))},
    {"runtime_base::follow", nowhere, CALL(in.runtime->follow(cairn::event_selection::all()))},
    {"runtime_base::project", projections,
     CALL(in.runtime->project<boards<1>>({.mode = cairn::projection_mode::before_reply})),
     "runtime::project"},
    {"runtime_base::journal", nowhere, CALL(in.runtime->journal().status())},
    {"runtime_base::close", the_end, CALL(in.runtime->close()), "runtime::close", nullptr, true},
    {"runtime's destructor", the_end, CALL(in.runtime.reset()), "runtime::close", nullptr, true},
    {"runtime's assignment", the_end,
     CALL(*in.runtime = cairn::runtime::open({.storage = cairn::in_memory{}}).value()),
     "runtime::close", nullptr, true},

    {"projection_ref::when_visible", nowhere,
     CALL(in.projection->when_visible(cairn::position{3}))},
    {"projection_ref::wait_for", replies, CALL(in.projection->wait_for(cairn::position{3})),
     "projection::wait_for"},
    {"projection_ref::name", nowhere, CALL(in.projection->name())},
    {"projection_ref::position", nowhere, CALL(in.projection->position())},
    {"projection_ref::at_capacity", nowhere, CALL(in.projection->at_capacity())},
    {"projection_ref::status", clock_only, CALL(in.projection->status()), "projection::status"},
    {"projection_ref::pause", projections,
     [](world& in) {
       in.projection->pause();
       if (!in.stops)
         in.projection->resume();
     },
     "projection::pause"},
    {"projection_ref::resume", projections, CALL(in.projection->resume()), "projection::resume"},
    {"projection_ref::retry", projections, CALL(in.projection->retry("")), "projection::retry"},
    {"projection_ref::park", projections, CALL(in.projection->park("")), "projection::park"},
    {"projection_ref::skip", projections, CALL(in.projection->skip("")), "projection::skip"},
    {"projection_ref::decisions", nowhere, CALL(in.projection->decisions())},
    {"projection_ref::parked", nowhere, CALL(in.projection->parked())},
    {"projection_ref::rebuild", projections, CALL(in.projection->rebuild()), "projection::rebuild"},
    {"projection::read", nowhere, CALL(in.projection->read())},

    {"subscription::close", nowhere, CALL(in.subscription->close())},
    {"subscription's destructor", nowhere,
     CALL(in.desks->subscribe([](const auto&, const note_put&) {}).has_value())},
    {"subscription::active", nowhere, CALL(in.subscription->active())},
    {"subscription::position", nowhere, CALL(in.subscription->position())},
    {"subscription::wait", the_end,
     [](world& in) {
       if (!in.stops)
         in.subscription->close();
       (void)in.subscription->wait();
     }},

    {"durable_subscription::close", nowhere, CALL(in.durable->close())},
    {"durable_subscription's destructor", nowhere,
     CALL(in.runtime
              ->subscribe_durably(fresh_name(), cairn::event_selection::all(), nothing)
              .has_value())},
    {"durable_subscription::name", nowhere, CALL(in.durable->name())},
    {"durable_subscription::status", clock_only, CALL(in.durable->status())},
    {"durable_subscription::position", nowhere, CALL(in.durable->position())},
    {"durable_subscription::pause", durable_ones,
     [](world& in) {
       in.durable->pause();
       if (!in.stops)
         in.durable->resume();
     }},
    {"durable_subscription::resume", nowhere, CALL(in.durable->resume())},
    {"durable_subscription::retry", durable_ones, CALL(in.durable->retry(""))},
    {"durable_subscription::park", durable_ones, CALL(in.durable->park(""))},
    {"durable_subscription::skip", durable_ones, CALL(in.durable->skip(""))},
    {"durable_subscription::decisions", nowhere, CALL(in.durable->decisions())},
    {"durable_subscription::parked", nowhere, CALL(in.durable->parked())},

    {"event_feed::next", replies,
     CALL(next_of(in, cairn::subscription_start::beginning(),
                  std::chrono::steady_clock::time_point::max()))},
    {"event_feed::next without waiting", nowhere,
     CALL(next_of(in, cairn::subscription_start::now(),
                  std::chrono::steady_clock::time_point::min()))},
    {"event_feed::next within its visitor", nowhere,
     [](world& in) {
       auto feed = in.runtime->follow(cairn::event_selection::all()).value();
       const auto stop = [](const cairn::event_view&) { return cairn::visit_result::stop; };
       const auto none = std::chrono::steady_clock::time_point::min();
       const auto again = [&](const cairn::event_view& event) {
         (void)feed.next(stop, none);
         return stop(event);
       };
       (void)feed.next(again, none);
     },
     nullptr, "event_feed::next was called within its visitor"},
    {"event_feed's destructor within its visitor", nowhere,
     [](world& in) {
       std::optional<cairn::event_feed> feed =
           in.runtime->follow(cairn::event_selection::all()).value();
       (void)feed->next(
           [&](const cairn::event_view&) { return feed.reset(), cairn::visit_result::stop; },
           std::chrono::steady_clock::time_point::min());
     },
     nullptr, "an event_feed was destroyed within its visitor"},
    {"event_feed::position", nowhere, CALL(in.feed->position())},
    {"event_feed::interrupt", nowhere, CALL(in.feed->interrupt())},

    {"reading_runtime::open", nowhere,
     CALL(keep(cairn::reading_runtime::open({.directory = in.journal})))},
    {"reading_runtime::host", nowhere, CALL(in.reading().host<desk>())},
    {"reading_runtime's history", evolve_only,
     CALL(in.reading_desks().history("b", [](auto&&...) {})), "aggregates::history"},
    {"reading_runtime's subscribe", nowhere,
     CALL(in.reading_desks().subscribe([](const auto&, const note_put&) {}))},
    {"reading_runtime's follow", nowhere,
     CALL(in.reading().follow(cairn::event_selection::all()))},
    {"reading_runtime's close", the_end, CALL(in.reading().close()), "runtime::close"},

#ifdef CAIRN_TEST_CAF
    {"caf::actor_of", nowhere, CALL(cairn::actor_of(*in.desks, "actor"))},
    {"caf::subscribe_actor", nowhere,
     CALL(cairn::subscribe_actor(*in.runtime, cairn::event_selection::all(),
                                 in.system->spawn(ignore_events, 0)))},
    {"caf_command::ask", nowhere, CALL(cairn::caf_command{put_note{}}.ask(*in.desks, "actor"))},
    {"caf_subscription::active", nowhere, CALL(in.delivery->active())},
    {"caf_subscription::position", nowhere, CALL(in.delivery->position())},
    {"caf_subscription::close", nowhere, CALL(in.delivery->close())},
    {"caf_subscription::wait", the_end,
     [](world& in) {
       if (!in.stops)
         in.delivery->close();
       (void)in.delivery->wait();
     }},
#endif
};

#undef CALL

} // namespace

std::span<const call> all_calls() {
  return calls;
}

} // namespace test
