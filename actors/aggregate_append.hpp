#pragma once

#include "activation.hpp"
#include "flight.hpp"

#include <cairn/journal.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace cairn::detail {

/// What one run of an aggregate sends to the journal: the events of all commands it executed, and
/// the answers that wait for them.
class aggregate_append final : public append_operation {
public:
  enum class kind : std::uint8_t {
    answer,   ///< Executed; the request holds its answer.
    repeated, ///< A command that had its effect before.
    conflict, ///< The version was not the expected one.
  };

  struct answer {
    request_ptr work;
    std::uint64_t version;  ///< Of the last event that the answer depends on.
    std::uint64_t position; ///< Its position if it was durable already.
    intrusive_ptr<flight>
        depends_on; ///< The flight it is in; null: this append's own, or durable already.
    kind what;
  };

  aggregate_append(intrusive_ptr<activation> by, append_target& completer, std::uint64_t version,
                   std::size_t max_event_bytes)
    : append_operation{by->stream(), expected_version::exact(version), completer, max_event_bytes},
      owner{std::move(by)}, version_before{version} {}

  bool orphaned() const noexcept override { return predecessor && predecessor->refused(); }
  void refused() noexcept override {
    if (own)
      own->refuse();
  }

  /// What the answers count against the runtime's bound.
  std::size_t answer_bytes() const noexcept;

  /// Hands out all answers, after `outcome` is set or when nothing is in flight.
  void deliver_all() noexcept;

  intrusive_ptr<activation> owner;
  std::uint64_t version_before;
  std::vector<answer> answers;
  intrusive_ptr<flight> own;         ///< Null if there are no events.
  intrusive_ptr<flight> predecessor; ///< The flight before; null if all was durable.

private:
  std::optional<error> failure() const;
  stream_head head_of(const answer& waiting) const noexcept;
};

} // namespace cairn::detail
