#pragma once

#include "aggregates/activation.hpp"

#include <cairn/journal.hpp>

#include <cstdint>
#include <memory>
#include <optional>
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

  struct answer {
    request_ptr work;
    stream_head at; ///< The last event that the answer depends on; position 0: not known yet.
    kind what;
  };

  aggregate_append(intrusive_ptr<activation> by, append_target& completer, std::uint64_t version,
                   std::size_t max_event_bytes)
    : append_operation{by->stream(), expected_version::exact(version), completer, max_event_bytes},
      owner{std::move(by)}, version_before{version} {}

  // By the journal: a version that fits does not make up for an append before this one that was
  // refused.
  bool orphaned() const noexcept override { return owner->crashed_before(ticket); }
  void refused() noexcept override {
    if (!events.empty())
      owner->crash(ticket);
  }

  /// Starts it anew, for `by`, whose state has `version`.
  void begin(intrusive_ptr<activation> by, std::uint64_t version);

  /// Lets go of everything but its buffers; false: they have grown too large to be kept.
  bool make_reusable() noexcept;

  /// Steps of bringing into the cache what handing out the answers touches, one after the other.
  void prefetch() const noexcept;
  void prefetch_owner() const noexcept;
  void prefetch_answers() const noexcept;

  /// Whether it was refused because another stream holds a key, or because of one before it that
  /// was: it had no effect, and its requests can be executed again. Asked after `outcome` is set.
  bool turned_back() const noexcept;

  /// Gives all requests back to the owner, instead of `deliver_all`; the one that wanted the key
  /// will then be rejected.
  void give_back_all() noexcept;

  /// What the answers count against the runtime's bound.
  std::size_t answer_bytes() const noexcept;

  /// Hands out all answers: after `outcome` is set, in the order of submission; or at once if
  /// nothing of the aggregate is in flight. Tells the owner what has landed.
  void deliver_all(journal& log) noexcept;

  intrusive_ptr<activation> owner;
  std::uint64_t version_before;
  std::uint64_t ticket = 0; ///< Its place among the owner's appends, from 1; 0: not submitted.
  std::vector<answer> answers;
  std::unique_ptr<snapshot_draft>
      snapshot; ///< Of the state after the last event, to be kept once that is durable.

private:
  void reject_refused() noexcept;
  std::optional<error> failure() const;
  void deliver(answer& waiting, const stream_reader& log) const;
  result<stream_head> head_of(const answer& waiting, const stream_reader& log) const;
};

} // namespace cairn::detail
