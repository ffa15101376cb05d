#include <cairn/decision.hpp>

#include <ostream>

namespace cairn {

std::ostream& operator<<(std::ostream& out, const rejection& no) {
  out << no.code;
  if (!no.message.empty())
    out << " (" << no.message << ')';
  return out;
}

std::ostream& operator<<(std::ostream& out, const reply& answer) {
  if (!answer.accepted())
    return out << "rejected: " << answer.rejection();
  out << "accepted at version " << answer.version() << ", position " << answer.position();
  return answer.repeated() ? out << " (repeated)" : out;
}

} // namespace cairn
