#include "aggregates/aggregate_append.hpp"

#include "scheduling/prefetch.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace cairn::detail {
namespace {

constexpr std::size_t largest_kept_bytes = 4096;
constexpr std::size_t most_answers_kept = 16;

} // namespace

void aggregate_append::begin(intrusive_ptr<activation> by, std::uint64_t version) {
  stream = &by->stream();
  expected = expected_version::exact(version);
  owner = std::move(by);
  version_before = version;
  ticket = 0;
}

bool aggregate_append::make_reusable() noexcept {
  const bool small = events.bytes() <= largest_kept_bytes && answers.size() <= most_answers_kept;
  owner = {};
  outcome.reset();
  snapshot.reset();
  answers.clear();
  events.clear();
  return small;
}

void aggregate_append::prefetch() const noexcept {
  prefetch_bytes(this, sizeof(*this));
}

void aggregate_append::prefetch_owner() const noexcept {
  owner->prefetch_own();
  prefetch_bytes(answers.data(), sizeof(answer));
}

void aggregate_append::prefetch_answers() const noexcept {
  if (!answers.empty())
    prefetch_bytes(answers.front().work.get(), request_bytes_to_fetch);
}

std::size_t aggregate_append::answer_bytes() const noexcept {
  std::size_t bytes = 0;
  for (const auto& waiting : answers)
    bytes += waiting.work->bytes;
  return bytes;
}

bool aggregate_append::turned_back() const noexcept {
  if (!*outcome && outcome->error().code() == errc::key_held)
    return true;
  if (!owner->turning_back() || !owner->crashed_before(ticket))
    return false;
  return events.empty() || (!*outcome && outcome->error().code() == errc::aborted);
}

void aggregate_append::give_back_all() noexcept {
  if (!*outcome && outcome->error().code() == errc::key_held) {
    owner->turn_back();
    owner->crash(ticket);
    reject_refused();
  }
  for (auto& waiting : answers)
    owner->give_back(std::move(waiting.work));
}

/// The command with the refused reservation is the first whose events reach as far as its record.
void aggregate_append::reject_refused() noexcept {
  const auto& refused = events.reservations()[refused_reservation];
  const auto version = version_before + refused.record + 1;
  const auto command = std::find_if(answers.begin(), answers.end(), [&](const answer& waiting) {
    return waiting.what == kind::answer && waiting.at.version >= version;
  });
  CAIRN_ASSERT(command != answers.end());
  command->work->overrule({key_held_code, outcome->error().message(), refused.wanted.key});
}

std::optional<error> aggregate_append::failure() const {
  const bool follows_failure = owner->crashed_before(ticket);
  if (outcome && !*outcome) {
    const auto& why = outcome->error();
    if (why.code() != errc::version_conflict && why.code() != errc::aborted)
      return why;
    // The version that this append builds upon was assigned here, so the caller has not asked for
    // anything that could conflict: either the append before it failed, or somebody else writes to
    // the stream.
    return error{errc::aborted, follows_failure
                                    ? "an earlier command in flight on aggregate " + stream->name()
                                          + " failed; nothing of this one was written"
                                    : "another writer has extended the stream " + stream->name()
                                          + " to version " + std::to_string(why.version())
                                          + "; nothing was written"};
  }
  if (follows_failure && !events.empty()) {
    // It was appended, so what came before it was, too: that one's outcome was unknown.
    return error{errc::outcome_unknown, "the outcome of an earlier command in flight on aggregate "
                                            + stream->name() + " is unknown, and so is this one's"};
  }
  if (follows_failure) {
    return error{errc::aborted, "an earlier command in flight on aggregate " + stream->name()
                                    + " failed, and this answer depended on it"};
  }
  return std::nullopt;
}

/// Everything submitted before this append is durable by now, and nothing after it has landed.
result<stream_head> aggregate_append::head_of(const answer& waiting,
                                              const stream_reader& log) const {
  const auto version = waiting.at.version;
  if (version == 0 || waiting.at.position != 0)
    return waiting.at;
  if (version > version_before)
    return stream_head{version, (*outcome)->first_position + (version - version_before - 1)};
  if (version == owner->landed_head().version)
    return owner->landed_head();
  // The repetition of a command that was followed by others: its place is looked up, at most a
  // deduplication window before the head.
  auto found = waiting.at;
  const auto looked = log.replay(*stream, version, version, [&](const event_view& event) {
    found.position = event.position();
    return visit::stop;
  });
  if (looked && found.position != 0)
    return found;
  // Without its position nobody could wait until the reply's events are visible.
  return error{looked ? errc::corrupt_journal : looked.error().code(),
               "the command was accepted before, at version " + std::to_string(version)
                   + " of aggregate " + stream->name() + ", which could not be looked up"
                   + (looked ? std::string{} : ": " + looked.error().message())}
      .with_version(version)
      .with_position(looked ? 0 : looked.error().position());
}

void aggregate_append::deliver(answer& waiting, const stream_reader& log) const {
  if (waiting.what == kind::conflict) {
    const auto actual = waiting.at.version;
    return waiting.work->fail(
        error{errc::version_conflict,
              "aggregate " + stream->name() + " is at version " + std::to_string(actual)}
            .with_version(actual));
  }
  const auto at = head_of(waiting, log);
  if (!at)
    waiting.work->fail(at.error());
  else if (waiting.what == kind::repeated)
    waiting.work->deliver_repeated(*at);
  else
    waiting.work->deliver(*at);
}

void aggregate_append::deliver_all(journal& log) noexcept {
  const auto failed = failure();
  if (failed && !events.empty())
    owner->crash(ticket); // first, so that who sends again from a continuation meets a new state
  for (auto& waiting : answers) {
    if (failed)
      waiting.work->fail(*failed);
    else
      deliver(waiting, log);
  }
  if (failed || events.empty())
    return;
  const auto& done = **outcome;
  const stream_head last{done.first_version + done.count - 1, done.first_position + done.count - 1};
  if (snapshot) {
    snapshot->at.position = last.position;
    log.submit_snapshot(std::move(*snapshot));
  }
  owner->land(last);
}

} // namespace cairn::detail
