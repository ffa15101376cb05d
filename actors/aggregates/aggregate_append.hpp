#pragma once

#include "aggregates/activation.hpp"
#include "aggregates/admission.hpp"

#include <cairn/journal.hpp>

#include <cstdint>
#include <memory>
#include <vector>

namespace cairn::detail {

/// What one run of an aggregate sends to the journal: the events of all commands it executed, and
/// the answers that wait for them. Without events it is a barrier: its answers wait for the events
/// submitted before it.
class aggregate_append final : public append_operation {
public:
  enum class kind : std::uint8_t {
    answer,   ///< Executed; the request holds its answer.
    repeated, ///< A command that had its effect before.
    conflict, ///< The version was not the expected one.
  };

  struct pending_answer {
    request_ptr work;
    stream_head at; ///< The last event that the answer depends on; position 0: not known yet.
    kind what;
  };

  aggregate_append(intrusive_ptr<activation> by, append_listener& reply_dispatcher,
                   cairn::version version, std::size_t max_event_bytes)
    : append_operation{by->stream(), expected_version::exact(version), reply_dispatcher,
                       max_event_bytes},
      owner{std::move(by)}, version_before{version} {}

  // By the journal: a version that fits does not make up for an append before this one that was
  // refused.
  bool orphaned() const noexcept override { return owner->flight().follows_failure(ticket); }
  void refused() noexcept override {
    if (!events.empty())
      owner->flight().fail_from(ticket);
  }

  /// Starts it anew, for `by`, whose state has `version`.
  void begin(intrusive_ptr<activation> by, cairn::version version);

  /// Lets go of everything but its buffers; false: they have grown too large to be kept.
  bool make_reusable() noexcept;

  /// Steps of bringing into the cache what handing out the answers touches, one after the other.
  void prefetch() const noexcept;
  void prefetch_owner() const noexcept;
  void prefetch_answers() const noexcept;

  /// Hands out all answers at once, as nothing of the aggregate is in flight. Without events only.
  void answer(journal& log, admission& bounds) noexcept;

  /// By the dispatcher, after `outcome` is set, in the order of submission: hands out the answers,
  /// or has the requests executed again, and ends the append for its owner.
  void finish(journal& log, admission& bounds) noexcept;

  intrusive_ptr<activation> owner;
  cairn::version version_before;
  std::uint64_t ticket = 0; ///< Its place among the owner's appends, from 1; 0: not submitted.
  bool remembered = false;  ///< Among its commands are some that the owner's window remembers.
  std::vector<pending_answer> answers;
  std::unique_ptr<snapshot_draft>
      snapshot; ///< Of the state after the last event, to be kept once that is durable.

private:
  void release(admission& bounds) const noexcept;
  void requeue_all(in_flight::ending how) noexcept;
  void reject_refused() noexcept;
  error failure(in_flight::ending how) const;
  void fail_all(const error& why) noexcept;
  void deliver_all(journal& log) noexcept;
  void deliver(pending_answer& waiting) const;
  result<stream_head> head_of(const pending_answer& waiting) const;
};

} // namespace cairn::detail
