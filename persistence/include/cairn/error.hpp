#pragma once

#include <cairn/assert.hpp>
#include <cairn/position.hpp>
#include <cairn/version.hpp>

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

namespace cairn {

/// Why an operation of the infrastructure failed. The codes are fixed: a program may switch over
/// them, and their numbers never change. A refusal by the model is not an error: it is a
/// `rejection`, an ordinary reply.
///
/// The codes fall into three groups by what the caller should do:
/// *mend the call* (`invalid_argument` ... `handler_failed`): repeating it unchanged fails again;
/// *try again later* (`overloaded` ... `aborted`): nothing was written;
/// *look at the machine* (`io_failed` ...): an operator has to do something first.
/// `outcome_unknown` stands alone: the events may or may not be durable; send the command again
/// with the same command id to learn which.
enum class errc : std::uint8_t {
  // Mend the call.

  /// An id, a size or an option is outside its documented limit, which the text names.
  invalid_argument = 1,
  /// The stream is not at the expected version; `error::version()` is the actual one.
  version_conflict = 2,
  /// What was asked for (a journal to read, a version) does not exist.
  not_found = 3,
  /// The application's decide or query function threw; nothing was written.
  decide_failed = 4,
  /// The application's evolve threw; `error::position()` names the event if it is durable.
  evolve_failed = 5,
  /// The application's handler of events threw; `error::position()` names the event.
  handler_failed = 6,
  /// Another stream holds a key that was to be reserved or released; nothing was written.
  key_held = 7,

  // Try again later; nothing was written.

  /// A bounded queue is full.
  overloaded = 10,
  /// The command's deadline passed before it was decided.
  deadline_exceeded = 11,
  /// An earlier command in flight on the same aggregate failed, and this one with it.
  aborted = 12,
  /// The runtime or the journal is closing or closed.
  shut_down = 13,
  /// The free-space watermark or the size of the map is reached; reads go on.
  storage_full = 14,
  /// Another process has taken over these streams and answers for them now.
  not_owner = 15,

  // Send the command again with the same command id.

  /// The commit failed: the events may or may not be durable.
  outcome_unknown = 20,

  // Accepted and durable, but not yet visible in a projection. Do not send the command again.

  /// The command was accepted at `error::version()` and `error::position()`, but a projection that
  /// was to show it in time has not.
  not_visible = 21,

  // Look at the machine.

  /// The operating system refused; nothing was written by this call.
  io_failed = 30,
  /// An earlier commit failed; the journal writes nothing until it is reopened.
  journal_stopped = 31,
  /// A record fails its checksum or its structure; `error::position()` says which.
  corrupt_record = 32,
  /// A file is truncated, or its parts contradict each other.
  corrupt_journal = 33,
  /// The journal was written in a format that this version does not know.
  incompatible_format = 34,
  /// Another process has the journal open for writing.
  locked = 35,
  /// This process has the journal open already, or inherited it through fork.
  already_open = 36,
  /// Group or others may read the journal's directory or files.
  insecure_permissions = 37,
  /// The directory is on a network file system, or on FUSE without the option.
  unsupported_file_system = 38,
  /// The program's types cannot read what the journal holds; the text names the field.
  incompatible_schema = 39,
  /// The projection has stopped at `error::position()` and waits for a decision.
  projection_stopped = 40,
};

/// The code's name as it stands in the source: "version_conflict".
std::string_view to_string(errc code) noexcept;

/// What went wrong and where: a fixed code, a text for people, and the numbers that go with some
/// codes.
class error {
public:
  error(errc code, std::string message) : message_{std::move(message)}, code_{code} {}

  errc code() const noexcept { return code_; }

  /// A sentence for people: what was wrong, where, and which limit it broke. Not for parsing.
  const std::string& message() const noexcept { return message_; }

  /// `version_conflict`: the actual version of the stream (0: it has no events). `not_visible`: the
  /// version of the reply. Otherwise 0.
  cairn::version version() const noexcept { return version_; }

  /// `corrupt_record`, `evolve_failed`, `handler_failed`: the position of the event in the journal,
  /// if it has one. `projection_stopped`, `not_visible`: as there. Otherwise 0.
  cairn::position position() const noexcept { return position_; }

  error& with_version(cairn::version version) & { return version_ = version, *this; }
  error&& with_version(cairn::version version) && { return version_ = version, std::move(*this); }
  error& with_position(cairn::position position) & { return position_ = position, *this; }
  error&& with_position(cairn::position position) && {
    return position_ = position, std::move(*this);
  }

  bool operator==(const error&) const = default;

private:
  std::string message_;
  cairn::version version_{};
  cairn::position position_{};
  errc code_;
};

/// Prints `code: message`.
std::ostream& operator<<(std::ostream& out, const error& failure);

namespace detail {

/// Stops the program because the value of a failed result was read.
[[noreturn]] void fail_value_access(const error& failure) noexcept;

inline void check(bool holds, const char* what) noexcept {
  if (!holds)
    assertion_failed(what, "result.hpp", 0);
}

} // namespace detail
} // namespace cairn
