#pragma once

#include "report.hpp"

#include <cairn/ids.hpp>
#include <cairn/journal.hpp>

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

namespace crash {

/// What the journal has shown or a client was told, and cannot both be.
class contradiction : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// Remembers everything that clients were told and the journal has shown, and finds whatever
/// contradicts it. All functions throw `contradiction`.
class acknowledged_log {
public:
  /// A writer is about to start; its commands carry `run` in their ids.
  void begin(std::uint64_t run);

  /// A client was told this, or sent it.
  void hear(const report& told);

  /// Reads what the journal holds beyond what was read before: versions without a gap, nothing
  /// after a deletion, no command twice, none in part, and everything that clients were told.
  void read(const cairn::journal& journal);

  /// Reads the journal from its beginning: all that was read before is as it was.
  void read_again(const cairn::journal& journal) const;

  /// Commands of the last run that were sent and not answered, in the order of sending.
  std::vector<report> unanswered() const;

  /// Whether the command's events are in the journal, and its last one's version; 0: they are not.
  cairn::version version_of(std::uint64_t run, std::uint64_t id) const;

  /// Carts that are deleted, newest last.
  const std::vector<std::uint32_t>& deleted() const noexcept { return deleted_; }
  cairn::version last_version(std::uint32_t cart) const;
  cairn::position last_position() const noexcept { return last_position_; }

  struct figures {
    std::uint64_t events = 0;
    std::uint64_t acknowledged = 0; ///< Commands accepted, each found at its version.
    std::uint64_t repeated = 0;
    std::uint64_t rejected = 0;
    std::uint64_t refused_after_deletion = 0; ///< Sent by a client that knew of it.
    std::uint64_t failed = 0;
    std::uint64_t unanswered = 0;
    std::uint64_t unanswered_written = 0; ///< Of these, durable all the same.
  };
  const figures& seen() const noexcept { return figures_; }

private:
  struct written {
    std::uint32_t cart;
    cairn::version version;   ///< Of the last event.
    cairn::position position; ///< Of the last event.
    std::uint32_t events;
    std::uint32_t wanted; ///< How many it must have.
  };
  struct copies {
    std::uint32_t sent = 0;
    std::uint32_t refused = 0; ///< Of these, told that nothing was written.
  };
  struct stream {
    cairn::version version{};
    cairn::position position{};
    bool deleted = false;
  };

  void take(const cairn::event_view& event);
  void close_run();
  void check_told(const report& told);
  static std::uint64_t chain(std::uint64_t before, const cairn::event_view& event);

  std::map<cairn::message_id, written> commands_;
  std::unordered_map<std::uint32_t, stream> streams_;
  std::vector<std::uint32_t> deleted_;
  std::vector<report> told_;                         ///< In the last run.
  std::vector<report> sent_;                         ///< In the last run.
  std::unordered_map<std::uint64_t, copies> copies_; ///< By the command's id, in the last run.
  std::uint64_t run_ = 0;
  cairn::position last_position_{};
  std::uint64_t chain_ = 0;
  figures figures_;
};

} // namespace crash
