#include <cairn/error.hpp>

#include <cstdio>
#include <cstdlib>
#include <ostream>

namespace cairn {

std::string_view to_string(errc code) noexcept {
  switch (code) {
    case errc::invalid_argument: return "invalid_argument";
    case errc::version_conflict: return "version_conflict";
    case errc::not_found: return "not_found";
    case errc::decide_failed: return "decide_failed";
    case errc::evolve_failed: return "evolve_failed";
    case errc::handler_failed: return "handler_failed";
    case errc::key_held: return "key_held";
    case errc::overloaded: return "overloaded";
    case errc::deadline_exceeded: return "deadline_exceeded";
    case errc::aborted: return "aborted";
    case errc::shut_down: return "shut_down";
    case errc::storage_full: return "storage_full";
    case errc::not_owner: return "not_owner";
    case errc::outcome_unknown: return "outcome_unknown";
    case errc::not_visible: return "not_visible";
    case errc::io_failed: return "io_failed";
    case errc::journal_stopped: return "journal_stopped";
    case errc::corrupt_record: return "corrupt_record";
    case errc::corrupt_journal: return "corrupt_journal";
    case errc::incompatible_format: return "incompatible_format";
    case errc::locked: return "locked";
    case errc::already_open: return "already_open";
    case errc::insecure_permissions: return "insecure_permissions";
    case errc::unsupported_file_system: return "unsupported_file_system";
    case errc::incompatible_schema: return "incompatible_schema";
    case errc::projection_stopped: return "projection_stopped";
  }
  return "unknown error code";
}

std::ostream& operator<<(std::ostream& out, const error& failure) {
  return out << to_string(failure.code()) << ": " << failure.message();
}

namespace detail {

void assertion_failed(const char* what, const char* file, int line) noexcept {
  std::fprintf(stderr, "cairn: assertion failed: %s (%s:%d)\n", what, file, line);
  std::abort();
}

void fail_value_access(const error& failure) noexcept {
  const std::string_view code = to_string(failure.code());
  std::fprintf(stderr, "cairn: read the value of a failed result: %.*s: %s\n",
               static_cast<int>(code.size()), code.data(), failure.message().c_str());
  std::abort();
}

} // namespace detail
} // namespace cairn
