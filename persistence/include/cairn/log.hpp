#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>

namespace cairn {

/// What an entry of the log asks of the people who read it.
enum class log_level : std::uint8_t {
  info,    ///< Nothing: for the record.
  warning, ///< Something does not go as it should, and Cairn goes on trying.
  error,   ///< Something has stopped, or was lost; it waits for a decision or a repair.
};

/// "info", "warning" or "error".
std::string_view to_string(log_level level) noexcept;

struct log_field {
  std::string_view key;
  std::string value;
};

/// Something that Cairn tells the application.
///
/// | level   | name                    | fields                                               |
/// |---------|-------------------------|------------------------------------------------------|
/// | info    | `opened`, `reopened`    | `position`: the last one                             |
/// | info    | `decision`              | `projection` or `subscription`: its name; `what`,    |
/// |         |                         | `position`, `reason`                                 |
/// | warning | `projection_retries`    | `projection`, `position`, `attempts`, `error`: the   |
/// |         |                         | first attempt with an event failed                   |
/// | warning | `projection_waits`      | the same: for its disk, or the journal               |
/// | error   | `projection_stopped`    | the same                                             |
/// | warning | `subscription_retries`  | `subscription`, else the same: a durable one         |
/// | warning | `subscription_waits`    | the same                                             |
/// | error   | `subscription_stopped`  | the same                                             |
/// | error   | `subscription_ended`    | `position`, `error`: one without a name              |
/// | error   | `aggregate_not_rebuilt` | `aggregate`, `error`, `repeated`                     |
/// | warning | `clock_failed`          | `error`, `repeated`: the application's clock threw   |
/// | error   | `commit_failed`         | `error`: nothing is written until `runtime::reopen`  |
/// | error   | `close_failed`          | `error`                                              |
///
/// `position` is 0 where there is none. Entries with `repeated` come at most once a second;
/// `repeated` says how many were left out since the last one. Names and keys are fixed words; more
/// may come. The texts are for people.
struct log_entry {
  log_level level;
  std::string_view name;
  std::span<const log_field> fields;

  /// The value of this field; empty: there is none.
  std::string_view operator[](std::string_view key) const noexcept;
};

/// Prints `projection_stopped projection=ledger position=7 error="..."`.
std::ostream& operator<<(std::ostream& out, const log_entry& entry);

/// Receives what Cairn tells the application; see `runtime_options::log`. An entry is valid during
/// the call only.
///
/// It is called by the thread in which the thing happens, which waits for it meanwhile, and by
/// several at the same time: it should be quick. It may call what does not wait (`status`, `ask`,
/// `subscribe`); a call that waits stops the program. Entries that come of its own calls, and
/// exceptions that it throws, are dropped and counted (`runtime_status::log_failures`).
using log_sink = std::function<void(const log_entry&)>;

/// The sink of a runtime that is given none: warnings and errors, a line each on stderr. A
/// projection that has stopped must not go unnoticed only because nobody has chosen a sink; a
/// healthy program prints nothing. `[](const cairn::log_entry&) {}` is silence.
log_sink default_log_sink();

} // namespace cairn
