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

void aggregate_append::begin(intrusive_ptr<activation> by, cairn::version version) {
  stream = &by->stream();
  expected = expected_version::exact(version);
  owner = std::move(by);
  version_before = version;
  ticket = 0;
  remembered = false;
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
  prefetch_bytes(answers.data(), sizeof(pending_answer));
}

void aggregate_append::prefetch_answers() const noexcept {
  if (!answers.empty())
    prefetch_bytes(answers.front().work.get(), request_bytes_to_fetch);
}

/// First out of the bounds, then the answers: who sends its next request from a continuation finds
/// room.
void aggregate_append::release(admission& bounds) const noexcept {
  std::size_t bytes = 0;
  for (const auto& waiting : answers)
    bytes += waiting.work->bytes;
  owner->release_slots(answers.size());
  bounds.leave(answers.size(), bytes);
}

void aggregate_append::answer(journal& log, admission& bounds) noexcept {
  release(bounds);
  deliver_all(log);
}

void aggregate_append::finish(journal& log, admission& bounds) noexcept {
  const auto how = owner->flight().judge(ticket, !events.empty(), *outcome);
  if (how == in_flight::ending::refused_key || how == in_flight::ending::must_requeue) {
    requeue_all(how);
  } else {
    release(bounds);
    if (how == in_flight::ending::landed)
      deliver_all(log);
    else
      fail_all(failure(how));
  }
  owner->append_ended();
}

void aggregate_append::requeue_all(in_flight::ending how) noexcept {
  if (how == in_flight::ending::refused_key)
    reject_refused();
  for (auto& waiting : answers)
    owner->flight().requeue(std::move(waiting.work));
}

/// The command with the refused reservation is the first whose events reach as far as its record.
void aggregate_append::reject_refused() noexcept {
  const auto& refused = events.reservations()[refused_reservation];
  const auto version = version_before + refused.record + 1;
  const auto command =
      std::find_if(answers.begin(), answers.end(), [&](const pending_answer& waiting) {
        return waiting.what == kind::answer && waiting.at.version >= version;
      });
  CAIRN_ASSERT(command != answers.end());
  command->work->reject_with({key_held_code, outcome->error().message(), refused.wanted.key});
}

error aggregate_append::failure(in_flight::ending how) const {
  const auto earlier = [&](std::string_view verb) {
    return "an earlier command in flight on aggregate " + stream->name() + std::string{verb};
  };
  switch (how) {
    case in_flight::ending::conflicted:
      return {errc::aborted, "another writer has extended the stream " + stream->name()
                                 + " to version " + to_string(outcome->error().version())
                                 + "; nothing was written"};
    case in_flight::ending::aborted:
      return {errc::aborted, earlier(events.empty() ? " failed, and this answer depended on it"
                                                    : " failed; nothing of this one was written")};
    case in_flight::ending::unknown:
      return {errc::outcome_unknown,
              "the outcome of " + earlier(" is unknown, and so is this one's")};
    case in_flight::ending::fenced: return owner->lost_to_another_owner();
    default: return outcome->error();
  }
}

void aggregate_append::fail_all(const error& why) noexcept {
  for (auto& waiting : answers)
    waiting.work->fail(why);
}

/// Everything submitted before this append is durable by now, and nothing after it has landed.
result<stream_head> aggregate_append::head_of(const pending_answer& waiting) const {
  const auto version = waiting.at.version;
  if (version.is_none() || !waiting.at.position.is_start())
    return waiting.at;
  if (version > version_before)
    return stream_head{version, (*outcome)->first_position + (version - version_before - 1)};
  if (const auto position = owner->flight().position_of(version); !position.is_start())
    return stream_head{version, position};
  // The repetition of a command that a snapshot remembers, but whose event could not be read.
  // Without its position nobody could wait until the reply's events are visible.
  return error{errc::corrupt_journal, "the command was accepted before, at version "
                                          + to_string(version) + " of aggregate " + stream->name()
                                          + ", which could not be looked up"}
      .with_version(version);
}

void aggregate_append::deliver(pending_answer& waiting) const {
  if (waiting.what == kind::conflict) {
    const auto actual = waiting.at.version;
    return waiting.work->fail(
        error{errc::version_conflict,
              "aggregate " + stream->name() + " is at version " + to_string(actual)}
            .with_version(actual));
  }
  const auto at = head_of(waiting);
  if (!at)
    waiting.work->fail(at.error());
  else if (waiting.what == kind::repeated)
    waiting.work->deliver_repeated(*at);
  else
    waiting.work->deliver(*at);
}

void aggregate_append::deliver_all(journal& log) noexcept {
  for (auto& waiting : answers)
    deliver(waiting);
  if (events.empty())
    return;
  auto& flight = owner->flight();
  flight.set_durable_head(**outcome, remembered);
  if (snapshot) {
    snapshot->at.position = flight.durable_head().position;
    snapshot->locate([&](cairn::version version) { return flight.position_of(version); });
    log.submit_snapshot(std::move(*snapshot));
  }
}

} // namespace cairn::detail
