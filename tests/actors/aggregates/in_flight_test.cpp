// The machine of failed appends alone: every order of a few events, against a journal that is a
// list, and longer orders by chance.

#include "aggregates/in_flight.hpp"
#include "literals.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

using namespace cairn::detail;
using cairn::commit;
using cairn::errc;
using cairn::error;
using cairn::result;
using ending = in_flight::ending;

namespace {

struct numbered final : request {
  explicit numbered(std::uint64_t its_number) : request{0}, number{its_number} {}
  effect execute(execution&) noexcept override { return effect::none; }
  void deliver(cairn::stream_head) noexcept override {}
  void deliver_repeated(cairn::stream_head) noexcept override {}
  void fail(error) noexcept override {}
  void dispose() noexcept override { delete this; }
  std::uint64_t number;
};

/// What can happen next. The journal takes the oldest append that it has, the dispatcher the oldest
/// that the journal has handed back.
enum class event : std::uint8_t {
  submit,          ///< The aggregate submits an append with an event,
  barrier,         ///< or one without.
  journal_appends, ///< The journal writes the append, if its version fits and it is no orphan.
  journal_fails,   ///< The journal writes nothing of it, for a reason of its own.
  key_is_held,     ///< The journal writes nothing of it, because another stream holds a key.
  loses_unwritten, ///< The journal does not know the outcome: nothing was written;
  loses_written,   ///< it was written.
  loses_stream,    ///< The journal writes nothing of it, because another process owns the stream.
  refuses_newest,  ///< The journal refuses the append submitted last, before the others.
  foreign_append,  ///< Another writer extends the stream.
  dispatch,        ///< The dispatcher ends one append.
  rebuild,         ///< The aggregate rebuilds its state, or asks to be woken when it can.
};
constexpr std::size_t event_count = 12;

/// A stream as a list of who wrote each event, an aggregate whose state is such a list, and
/// between them the machine.
class model {
public:
  void apply(event next) {
    switch (next) {
      case event::submit: return submit(true);
      case event::barrier: return submit(false);
      case event::journal_appends: return process([&](append& oldest) { write(oldest); });
      case event::journal_fails: return fail(errc::storage_full);
      case event::key_is_held: return fail(errc::key_held);
      case event::loses_unwritten:
        return process([](append& oldest) { oldest.outcome = unknown(); });
      case event::loses_written:
        return process([&](append& oldest) {
          write(oldest);
          if (*oldest.outcome)
            oldest.outcome = unknown();
        });
      case event::loses_stream: return fail(errc::not_owner);
      case event::refuses_newest: return refuse_newest();
      case event::foreign_append: return log_.push_back(0);
      case event::dispatch: return dispatch();
      case event::rebuild: return rebuild();
    }
  }

  /// Everything comes back, and the state is rebuilt.
  void finish() {
    while (!queued_.empty())
      apply(event::journal_appends);
    while (!finished_.empty())
      dispatch();
    require(flight_.none(), "all appends have ended");
    rebuild();
    require(!flight_.must_rebuild(), "the state can be trusted once it is rebuilt");
  }

private:
  using list = std::vector<std::uint64_t>;

  struct append {
    std::uint64_t ticket;
    bool has_events;
    list base; // what the state was made of
    std::optional<result<commit>> outcome;
    list before;          // what the journal had when it took the append
    bool written = false; // told by the journal, whatever the outcome says
  };

  static void require(bool holds, const char* promise) {
    if (!holds)
      throw std::string{promise};
  }
  static error unknown() { return {errc::outcome_unknown, "lost"}; }

  void submit(bool has_events) {
    if (flight_.must_rebuild())
      return; // it would rebuild first
    append made{.ticket = flight_.begin(),
                .has_events = has_events,
                .base = state_,
                .outcome = {},
                .before = {}};
    if (has_events)
      state_.push_back(made.ticket);
    queued_.push_back(std::move(made));
  }

  template <class Outcome>
  void process(Outcome outcome) {
    if (queued_.empty())
      return;
    auto oldest = std::move(queued_.front());
    queued_.pop_front();
    oldest.before = log_;
    outcome(oldest);
    finished_.push_back(std::move(oldest));
  }

  void write(append& one) {
    if (!one.has_events) {
      one.outcome = commit{};
    } else if (flight_.follows_failure(one.ticket)) {
      one.outcome = error{errc::aborted, "an orphan"};
      flight_.fail_from(one.ticket);
    } else if (log_.size() != one.base.size()) {
      one.outcome = error{errc::version_conflict, "another version"};
      flight_.fail_from(one.ticket);
    } else {
      log_.push_back(one.ticket);
      one.written = true;
      one.outcome = commit{cairn::position{log_.size()}, cairn::version{log_.size()}, 1};
    }
  }

  void fail(errc why) {
    process([&](append& oldest) {
      if (why == errc::key_held
          && (!oldest.has_events || flight_.follows_failure(oldest.ticket)
              || log_.size() != oldest.base.size()))
        return write(oldest); // its keys are looked at last
      oldest.outcome = error{why, "as the test says"};
      if (oldest.has_events)
        flight_.fail_from(oldest.ticket);
    });
  }

  void refuse_newest() {
    if (queued_.empty() || !queued_.back().has_events)
      return;
    auto newest = std::move(queued_.back());
    queued_.pop_back();
    newest.before = log_;
    newest.outcome = error{errc::overloaded, "the queue is full"};
    flight_.fail_from(newest.ticket);
    finished_.push_back(std::move(newest));
  }

  void dispatch() {
    if (finished_.empty())
      return;
    const auto one = std::move(finished_.front());
    finished_.pop_front();
    const bool failing = flight_.failing();
    const auto how = flight_.judge(one.ticket, one.has_events, *one.outcome);
    check_ending(one, how, failing);
    if (how == ending::refused_key || how == ending::must_requeue) {
      requeued_.push_back(one.ticket);
      flight_.requeue(request_ptr{new numbered{one.ticket}});
    }
    const bool last = queued_.empty() && finished_.empty();
    const bool woken = flight_.end();
    require(woken == (last && (waits_ || !requeued_.empty() || fenced_)),
            "the aggregate is woken by the last append, if it waits or has something to do");
    waits_ = waits_ && !woken;
  }

  void check_ending(const append& one, ending how, bool failing) {
    const auto& [base, before] = std::tie(one.base, one.before);
    const bool extends =
        base.size() <= before.size() && std::equal(base.begin(), base.end(), before.begin());
    const bool ok = one.outcome->has_value();
    switch (how) {
      case ending::landed:
        require(extends, "a reply leaves only if everything that it depends on is durable");
        require(one.written == one.has_events, "a reply leaves only if its events are durable");
        break;
      case ending::unknown:
        require(one.written && failing, "only what was written behind a failure is unknown");
        break;
      case ending::aborted:
      case ending::must_requeue:
      case ending::fenced:
        require(!one.written && failing, "only what was not written behind a failure is void");
        break;
      case ending::failed: require(!ok, "only what the journal fails has failed"); break;
      case ending::conflicted:
        require(!ok && base != before, "only another writer makes a conflict");
        break;
      case ending::refused_key:
        require(!ok && one.outcome->error().code() == errc::key_held, "only a key is refused");
        break;
    }
    const bool other_version = !ok && one.outcome->error().code() == errc::version_conflict;
    if (how == ending::must_requeue)
      require(key_refused_ && !fenced_, "requests are requeued only behind a refused key");
    if (how == ending::fenced)
      require(fenced_, "only what follows a lost stream is told so");
    if (how == ending::aborted)
      require(other_version || (!key_refused_ && !fenced_),
              "what is void because of a key or of another owner is not aborted");
    fenced_ = fenced_ || (!ok && one.outcome->error().code() == errc::not_owner);
    key_refused_ = key_refused_ || how == ending::refused_key;
    if (how != ending::landed && one.has_events)
      require(flight_.must_rebuild(), "a failed append makes the state void");
  }

  void rebuild() {
    if (!flight_.must_rebuild() && !waits_)
      return;
    const bool none = queued_.empty() && finished_.empty();
    const bool drained = flight_.drained();
    require(drained == none, "the state is rebuilt only once nothing is in flight");
    waits_ = !drained;
    if (!drained)
      return;
    list again;
    while (!flight_.requeued().empty())
      again.push_back(static_cast<numbered&>(*flight_.requeued().pop_front()).number);
    require(flight_.fenced() == fenced_, "a lost stream is told once nothing is in flight");
    require(again == requeued_, "every requeued request comes back once, in order");
    requeued_.clear();
    state_ = log_;
    key_refused_ = fenced_ = false;
    flight_.reset({cairn::version{log_.size()}, cairn::position{log_.size()}});
    require(!flight_.must_rebuild(), "the state can be trusted once it is rebuilt");
  }

  in_flight flight_{8};
  list log_;
  list state_;
  std::deque<append> queued_;   // the journal has them
  std::deque<append> finished_; // the dispatcher has them
  list requeued_;
  bool waits_ = false;
  bool key_refused_ = false;
  bool fenced_ = false;
};

/// What is broken after these events, or nothing.
std::string run(const std::vector<event>& events) {
  model machine;
  try {
    for (const auto next : events)
      machine.apply(next);
    machine.finish();
  } catch (const std::string& broken) {
    std::string text = broken + ":";
    for (const auto next : events)
      text += " " + std::to_string(static_cast<int>(next));
    return text;
  }
  return {};
}

} // namespace

TEST_CASE("whatever becomes of appends in flight, a reply is right and no request is lost") {
  using enum event;
  // What comes before; then every order of a few events.
  const std::vector<event> beginnings[] = {
      {submit, submit, barrier},
      {submit, submit, submit, journal_appends},
      {submit, barrier, submit, key_is_held},
      {submit, submit, barrier, loses_written, dispatch, rebuild},
  };
  constexpr std::size_t length = 5;
  for (const auto& beginning : beginnings) {
    auto events = beginning;
    events.resize(beginning.size() + length, event{});
    const auto tail = events.begin() + static_cast<std::ptrdiff_t>(beginning.size());
    for (bool more = true; more;) {
      if (const auto broken = run(events); !broken.empty())
        FAIL(broken);
      more = false;
      for (auto digit = tail; digit != events.end() && !more; ++digit) {
        *digit = static_cast<event>((static_cast<std::size_t>(*digit) + 1) % event_count);
        more = *digit != event{};
      }
    }
  }
}

TEST_CASE("the same in long orders") {
  const bool holds = rc::check("no long order breaks a promise of the machine", [] {
    const auto events =
        *rc::gen::scale(4, rc::gen::container<std::vector<event>>(rc::gen::map(
                               rc::gen::inRange<std::size_t>(0, event_count),
                               [](std::size_t which) { return static_cast<event>(which); })));
    RC_ASSERT(run(events) == std::string{});
  });
  CHECK(holds);
}

TEST_CASE("how an append ends depends on its outcome and on what has failed before it") {
  struct row {
    const char* promise;
    errc before; // outcome of the one before; `invalid_argument`: it landed
    bool has_events;
    errc own; // `invalid_argument`: the journal is content
    ending expected;
  };
  constexpr auto fine = errc::invalid_argument;
  const row table[] = {
      {"what lands is answered", fine, true, fine, ending::landed},
      {"a barrier is answered", fine, false, fine, ending::landed},
      {"a refused append fails", fine, true, errc::storage_full, ending::failed},
      {"a barrier of a stopped journal fails", fine, false, errc::journal_stopped, ending::failed},
      {"an unknown outcome is told", fine, true, errc::outcome_unknown, ending::failed},
      {"a conflict is another writer's", fine, true, errc::version_conflict, ending::conflicted},
      {"a refused key is rejected", fine, true, errc::key_held, ending::refused_key},
      {"behind a failure: void", errc::io_failed, true, errc::aborted, ending::aborted},
      {"behind a failure: its version", errc::io_failed, true, errc::version_conflict,
       ending::aborted},
      {"behind a failure: a query", errc::io_failed, false, fine, ending::aborted},
      {"behind a failure: its own error", errc::io_failed, true, errc::shut_down, ending::failed},
      {"behind an unknown outcome: written", errc::outcome_unknown, true, fine, ending::unknown},
      {"behind a refused key: void", errc::key_held, true, errc::aborted, ending::must_requeue},
      {"behind a refused key: a query", errc::key_held, false, fine, ending::must_requeue},
      {"behind a refused key: a query of a stopped journal", errc::key_held, false,
       errc::journal_stopped, ending::must_requeue},
      {"behind a refused key: its own error", errc::key_held, true, errc::io_failed,
       ending::failed},
      {"a lost stream is told", fine, true, errc::not_owner, ending::failed},
      {"a lost stream is told to a query", fine, false, errc::not_owner, ending::failed},
      {"behind a lost stream: void", errc::not_owner, true, errc::aborted, ending::fenced},
      {"behind a lost stream: refused, too", errc::not_owner, true, errc::not_owner,
       ending::failed},
      {"behind a lost stream: a query", errc::not_owner, false, fine, ending::fenced},
      {"behind a refused key: another", errc::key_held, true, errc::key_held, ending::refused_key},
  };
  const auto outcome_of = [](errc code) {
    return code == fine ? result<commit>{commit{}} : result<commit>{error{code, "as the row says"}};
  };
  for (const auto& each : table) {
    CAPTURE(each.promise);
    in_flight flight{8};
    const auto first = flight.begin();
    const auto second = flight.begin();
    (void)flight.judge(first, true, outcome_of(each.before));
    CHECK(!flight.end());
    CHECK(flight.judge(second, each.has_events, outcome_of(each.own)) == each.expected);
    const bool fenced = each.before == errc::not_owner || each.own == errc::not_owner;
    CHECK(flight.end() == fenced);
    CHECK(flight.fenced() == fenced);
    const bool void_state = each.before != fine || (each.has_events && each.own != fine) || fenced;
    CHECK(flight.must_rebuild() == void_state);
  }
}

TEST_CASE("a state that evolve has spoilt is rebuilt, though no append has failed") {
  in_flight flight{8};
  flight.poison();
  CHECK(flight.must_rebuild());
  CHECK(!flight.failing());
  CHECK(flight.drained());
  flight.reset({3_ver, 7_pos});
  CHECK(!flight.must_rebuild());
  CHECK(flight.durable_head() == cairn::stream_head{3_ver, 7_pos});
}

TEST_CASE("where events have landed is known as long as the window may ask") {
  constexpr std::size_t remembered = 4;
  in_flight flight{remembered};
  flight.reset({2_ver, 10_pos});
  CHECK(flight.position_of(2_ver) == 10_pos);
  CHECK(flight.position_of(3_ver) == 0_pos);
  flight.set_durable_head({11_pos, 3_ver, 2}, true); // right behind
  flight.set_durable_head({20_pos, 5_ver, 1}, true);
  flight.set_durable_head({30_pos, 6_ver, 1}, false);
  flight.set_durable_head({40_pos, 7_ver, 3}, true);
  CHECK(flight.position_of(3_ver) == 11_pos);
  CHECK(flight.position_of(4_ver) == 12_pos);
  CHECK(flight.position_of(5_ver) == 20_pos);
  CHECK(flight.position_of(6_ver) == 0_pos); // of no remembered command
  CHECK(flight.position_of(9_ver) == 42_pos);
  const auto position_of = [](cairn::version version) {
    return cairn::position{version.number() * 10};
  };
  for (cairn::version version{10}; version < 100_ver; ++version) {
    flight.set_durable_head({position_of(version), version, 1}, true);
    for (auto asked = version + 1 - remembered; asked > 9_ver && asked <= version; ++asked)
      CHECK(flight.position_of(asked) == position_of(asked));
  }

  deduplication_window window{remembered};
  for (cairn::version version{96}; version < 100_ver; ++version)
    window.remember({1, version.number()}, version, version == 96_ver ? 960_pos : 0_pos);
  (void)flight.begin();
  flight.locate(window);
  CHECK(window.find({1, 99})->position == 0_pos); // not while something is in flight
  CHECK(!flight.end());
  flight.locate(window);
  for (cairn::version version{96}; version < 100_ver; ++version)
    CHECK(window.find({1, version.number()})->position == position_of(version));
}
