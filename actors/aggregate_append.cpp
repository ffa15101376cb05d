#include "aggregate_append.hpp"

namespace cairn::detail {

std::optional<error> aggregate_append::failure() const {
  const bool follows_failure = predecessor && predecessor->status() == flight::state::failed;
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
  if (follows_failure && own) {
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

stream_head aggregate_append::head_of(const answer& waiting) const noexcept {
  if (waiting.depends_on)
    return {waiting.version, waiting.depends_on->position_of(waiting.version)};
  if (own && own->contains(waiting.version))
    return {waiting.version, own->position_of(waiting.version)};
  return {waiting.version, waiting.position};
}

std::size_t aggregate_append::answer_bytes() const noexcept {
  std::size_t bytes = 0;
  for (const auto& waiting : answers)
    bytes += waiting.work->bytes;
  return bytes;
}

void aggregate_append::deliver_all() noexcept {
  const auto failed = failure();
  if (own) {
    if (failed)
      own->crash();
    else
      own->land((*outcome)->first_position);
  }
  for (auto& waiting : answers) {
    if (failed) {
      waiting.work->fail(*failed);
      continue;
    }
    const auto at = head_of(waiting);
    switch (waiting.what) {
      case kind::answer: waiting.work->deliver(at); break;
      case kind::repeated: waiting.work->deliver_repeated(at); break;
      case kind::conflict:
        waiting.work->fail(error{errc::version_conflict, "aggregate " + stream->name()
                                                             + " is at version "
                                                             + std::to_string(waiting.version)}
                               .with_version(waiting.version));
        break;
    }
  }
}

} // namespace cairn::detail
