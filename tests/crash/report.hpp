#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

namespace crash {

/// What the writer tells the parent through the pipe, as soon as it knows it. Smaller than
/// PIPE_BUF, so a report arrives whole or, cut off by the kill, not at all.
struct report {
  enum class kind : std::uint32_t {
    opened,   ///< The journal is open; commands follow.
    sent,     ///< The command is about to be sent.
    accepted, ///< With `version` and `position` of its last event.
    repeated, ///< Accepted, as one that had its effect before.
    rejected, ///< By the model, at `version`; `code` says why.
    failed,   ///< With an error; `code` is the errc.
  };
  enum class command : std::uint32_t { create, modify, delete_cart };
  enum class rejection : std::uint32_t { none, unknown, exists, deleted };

  kind what;
  command asked;
  std::uint32_t client;
  std::uint32_t cart;
  std::uint64_t id; ///< Of the command; its other half is the run.
  std::uint32_t events;
  std::uint32_t code;
  std::uint64_t version;
  std::uint64_t position;
};
static_assert(std::is_trivially_copyable_v<report> && sizeof(report) == 48);

} // namespace crash
