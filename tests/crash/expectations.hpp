#pragma once

#include "report.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace crash {

/// What a runtime told its clients, in memory that outlives the process that it ran in.
struct expectations {
  bool opened;
  std::uint32_t opening; ///< errc of an opening that failed.
  std::uint32_t hosting; ///< errc of a hosting that failed: its schemas were not recorded.
  bool closed;
  std::uint32_t closing; ///< errc of a closing that failed.
  bool stopped;          ///< The journal says that it writes nothing any more, ...
  bool says_why;         ///< ... and why.
  std::uint32_t reading; ///< errc of a reading in the end that failed.
  bool accepted_later;   ///< A command was accepted after the journal had stopped.
  std::uint64_t calls;   ///< Calls that change files, when it was done.
  std::size_t sent, told;
  report orders[8'192], answers[8'192];

  void clear() noexcept; ///< Of what was told before.
  bool failed() const noexcept;
};

/// Runs a runtime in `directory` and sends commands of up to `most_events`, several at a time, for
/// so many rounds or until one fails, and a few after that.
void run_clients(const std::filesystem::path& directory, std::uint64_t rounds,
                 std::uint32_t most_events, expectations& out);

/// Opens what is left and compares it with the expectations: everything acknowledged is there,
/// nothing that was refused is, no command in part or twice, and a command of unknown outcome, sent
/// again, has its effect once. Returns what is wrong, if anything.
std::string contradiction_to(const expectations& told, const std::filesystem::path& directory);

/// Runs `body` in a child and waits. False: it died, or said so.
bool in_child(const std::function<bool()>& body);

/// One in memory that children share, until the program ends.
expectations& shared_expectations();

} // namespace crash
