#include "simulation/simulated_clients.hpp"

#include <algorithm>
#include <utility>

namespace cairn::detail {
namespace {

constexpr std::size_t most_attempts = 12;
constexpr std::chrono::milliseconds think_time{8};
constexpr std::chrono::milliseconds long_think_time{300};

/// The codes that say that nothing was written; see `aggregates::ask`.
bool says_nothing_was_written(errc code) {
  switch (code) {
    case errc::version_conflict:
    case errc::invalid_argument: // such as a tag that cannot be one
    case errc::decide_failed:
    case errc::evolve_failed:
    case errc::overloaded:
    case errc::deadline_exceeded:
    case errc::aborted:
    case errc::shut_down:
    case errc::storage_full:
    case errc::io_failed:
    case errc::journal_stopped: return true;
    default: return false;
  }
}

bool is_worth_repeating(errc code) {
  return code != errc::version_conflict && code != errc::invalid_argument
         && code != errc::decide_failed && code != errc::evolve_failed;
}

} // namespace

std::string_view to_string(attempt_outcome outcome) noexcept {
  switch (outcome) {
    case attempt_outcome::under_way: return "under way";
    case attempt_outcome::lost: return "lost";
    case attempt_outcome::unknown: return "unknown";
    case attempt_outcome::failed: return "failed";
    case attempt_outcome::accepted: return "accepted";
    case attempt_outcome::repeated: return "repeated";
    case attempt_outcome::rejected: return "rejected";
    case attempt_outcome::conflict: return "conflict";
    case attempt_outcome::threw: return "threw";
    case attempt_outcome::not_visible: return "not visible";
    case attempt_outcome::seen: return "seen";
  }
  return "?";
}

simulated_clients::simulated_clients(simulation_context& run, const simulated_domain& domain,
                                     const simulation_options& options)
  : run_{run}, domain_{domain}, options_{options}, left_{options.commands} {
  for (std::size_t i = 0; i < options.clients; ++i)
    clients_.push_back({run_.soon(think_time), 0, run_.random.between(1, 4)});
  for (std::size_t type = 0; type < domain.types.size(); ++type)
    for (std::size_t i = 0; i < options.aggregates; ++i)
      (void)stream_of(type, "a" + std::to_string(i + 1));
}

std::size_t simulated_clients::stream_of(std::size_t type, const std::string& id) {
  return seen_.stream_of(type, domain_.types[type]->name(), id);
}

// --- Sending -------------------------------------------------------------------------------------

bool simulated_clients::may_send(const repetition& again) const noexcept {
  return !again.unknown || again.incarnation != service_.incarnation || !service_.log->stopped();
}

std::chrono::nanoseconds simulated_clients::next_due() const noexcept {
  if (service_.aggregates.empty())
    return never;
  auto next = never;
  if (left_ > 0)
    for (const auto& each : clients_)
      if (each.under_way < each.most_under_way)
        next = std::min(next, each.due);
  for (const auto& again : waiting_)
    if (may_send(again))
      next = std::min(next, again.due);
  return next;
}

void simulated_clients::turn() {
  const auto now = run_.clock.now;
  for (auto again = waiting_.begin(); again != waiting_.end(); ++again) {
    if (again->due > now || !may_send(*again))
      continue;
    const auto which = again->operation;
    waiting_.erase(again);
    ++run_.figures.repetitions;
    return send(which);
  }
  for (std::size_t who = 0; left_ > 0 && who < clients_.size(); ++who)
    if (clients_[who].due <= now && clients_[who].under_way < clients_[who].most_under_way)
      return send_new(who);
}

void simulated_clients::send_new(std::size_t who) {
  auto& random = run_.random;
  clients_[who].due = run_.soon(random.chance(0.03) ? long_think_time : think_time);
  --left_;
  operation made{.client = who};
  const auto type = random.below(domain_.types.size());
  const auto id = domain_.types[type]->next_id(random);
  made.stream = id.empty() ? type * options_.aggregates + random.below(options_.aggregates)
                           : stream_of(type, id);
  if (!random.chance(options_.queries)) {
    made.command = domain_.types[type]->next_command(random);
    if (!random.chance(0.1))
      made.id = {random.next() | 1, random.next()};
  }
  seen_.operations.push_back(std::move(made));
  send(seen_.operations.size() - 1);
}

void simulated_clients::send(std::size_t which) {
  auto& what = seen_.operations[which];
  floors_.resize(seen_.streams.size());
  ++what.attempts;
  ++clients_[what.client].under_way;
  ++under_way_;
  const auto number = seen_.attempts.size();
  seen_.attempts.push_back(
      {.operation = which, .incarnation = service_.incarnation, .floor = floors_[what.stream]});
  run_.note(what.command ? "command" : "query", number, which, what.stream);
  if (what.command && run_.happened.written_down())
    run_.happened.say(seen_.streams[what.stream].name + " " + what.command->text());
  if (what.command)
    send_command(number, what);
  else
    send_query(number, what);
}

ask_options simulated_clients::options_for(std::size_t number, const operation& what) {
  auto& random = run_.random;
  ask_options with{.command_id = what.id, .correlation_id = {1, number + 1}};
  if (what.attempts == 1 && random.chance(0.1)) {
    auto& of = seen_.attempts[number];
    of.expects_floor = true;
    with.expected = expected_version::exact(of.floor);
  }
  if (random.chance(0.1))
    with.deadline = run_.clock.steady() + std::chrono::milliseconds{random.below(20)};
  else if (random.chance(0.2))
    with.visible_in = service_.projections;
  return with;
}

const std::shared_ptr<aggregate_host>& simulated_clients::host_of(const operation& what) const {
  return service_.aggregates[seen_.streams[what.stream].type];
}

void simulated_clients::send_command(std::size_t number, const operation& what) {
  const auto with = options_for(number, what);
  const bool visible = !with.visible_in.empty();
  what.command->ask(host_of(what), seen_.streams[what.stream].id, with)
      .then([this, number, visible](result<reply>&& answer) {
        answered(number, answer, [&](attempt& of) { replied(of, *answer, visible); });
      });
}

void simulated_clients::send_query(std::size_t number, const operation& what) {
  const auto& stream = seen_.streams[what.stream];
  domain_.types[stream.type]
      ->query(host_of(what), stream.id, {})
      .then([this, number](result<simulated_type::seen_state>&& answer) {
        answered(number, answer, [&](attempt& of) {
          of.outcome = attempt_outcome::seen;
          of.version = answer->version;
          of.state = std::move(answer->words);
          ++run_.figures.queries;
          check_read(of);
          check_durable(of);
        });
      });
}

void simulated_clients::query_all() {
  for (std::size_t i = 0; i < seen_.streams.size(); ++i) {
    seen_.operations.push_back({.client = 0, .stream = i});
    send(seen_.operations.size() - 1);
  }
}

void simulated_clients::lose_connection() {
  service_ = {};
  for (std::size_t i = 0; i < seen_.attempts.size(); ++i) {
    if (seen_.attempts[i].outcome != attempt_outcome::under_way)
      continue;
    seen_.attempts[i].outcome = attempt_outcome::lost;
    end_reply(i);
  }
}

// --- Replies -------------------------------------------------------------------------------------

template <class Answer, class Look>
void simulated_clients::answered(std::size_t number, const result<Answer>& answer,
                                 const Look& look) {
  auto& of = seen_.attempts[number];
  if (of.outcome != attempt_outcome::under_way)
    return; // the one who waited for it is not connected any more
  if (answer)
    look(of);
  else
    failed(of, answer.error());
  end_reply(number);
}

/// Decides whether what was sent is to be sent again.
void simulated_clients::end_reply(std::size_t number) {
  const auto& of = seen_.attempts[number];
  const auto& what = seen_.operations[of.operation];
  run_.note("reply", number, static_cast<std::uint64_t>(of.outcome), of.version.number());
  run_.happened.say(to_string(of.outcome));
  --under_way_;
  --clients_[what.client].under_way;
  const bool open = of.outcome == attempt_outcome::lost || of.outcome == attempt_outcome::unknown
                    || of.outcome == attempt_outcome::failed;
  if (!open || what.attempts >= most_attempts)
    return;
  if (what.command && what.id.empty() && of.outcome != attempt_outcome::failed)
    return; // it cannot be repeated safely
  if (!run_.random.chance(0.9))
    return; // this client gives up
  waiting_.push_back({run_.soon(think_time), of.operation, of.outcome == attempt_outcome::unknown,
                      of.incarnation});
}

void simulated_clients::replied(attempt& of, const reply& answer, bool visible) {
  of.version = answer.version();
  of.position = answer.position();
  of.events = answer.events();
  ++run_.figures.commands;
  if (!answer.accepted()) {
    of.outcome = attempt_outcome::rejected;
    of.rejection = answer.rejection().code;
    check_read(of);
  } else if (answer.repeated()) {
    of.outcome = attempt_outcome::repeated;
  } else {
    of.outcome = attempt_outcome::accepted;
    if (of.version < of.floor + of.events)
      broken(of, "its events are behind what an earlier reply has told");
  }
  check_durable(of);
  if (answer.accepted())
    check_rows(of, visible);
}

void simulated_clients::failed(attempt& of, const error& why) {
  run_.note("error", static_cast<std::uint64_t>(why.code()));
  run_.happened.say(why.message());
  if (why.code() == errc::outcome_unknown) {
    of.outcome = attempt_outcome::unknown;
  } else if (why.code() == errc::not_visible) {
    of.outcome = attempt_outcome::not_visible;
    of.version = why.version();
    of.position = why.position();
    check_durable(of);
  } else if (why.code() == errc::version_conflict) {
    of.outcome = attempt_outcome::conflict;
    of.version = why.version();
    check_read(of);
    check_durable(of);
  } else if (says_nothing_was_written(why.code())) {
    of.outcome = is_worth_repeating(why.code()) ? attempt_outcome::failed : attempt_outcome::threw;
  } else {
    of.outcome = attempt_outcome::threw;
    broken(of, "no such error is to be expected: " + why.message());
  }
}

// --- What a reply promises -----------------------------------------------------------------------

void simulated_clients::check_read(const attempt& of) {
  if (of.version < of.floor)
    broken(of, "it was judged at version " + to_string(of.version)
                   + ", though an earlier reply had told of version " + to_string(of.floor));
}

void simulated_clients::check_durable(const attempt& of) {
  const auto stream = seen_.operations[of.operation].stream;
  const auto id = stream_id::parse(seen_.streams[stream].name).value();
  const auto durable = service_.durable->head(id).value();
  if (of.version > durable.version || of.position > service_.durable->last_position())
    broken(of, "the reply left before its events were durable: version " + to_string(of.version)
                   + ", durable is " + to_string(durable.version));
  floors_[stream] = std::max(floors_[stream], of.version);
}

void simulated_clients::check_rows(const attempt& of, bool visible) {
  for (std::size_t i = 0; i < service_.projections.size(); ++i)
    if ((visible || (*service_.prompt)[i]) && service_.projections[i].position() < of.position)
      broken(of, "the reply left before its events were in the rows of a projection");
}

void simulated_clients::broken(const attempt& of, const std::string& what) {
  run_.fail("request " + std::to_string(&of - seen_.attempts.data()) + " to "
            + seen_.streams[seen_.operations[of.operation].stream].name + ": " + what);
}

} // namespace cairn::detail
