#include <cairn/table_store.hpp>

#include <xxhash.h>

namespace cairn {

std::uint64_t event_fingerprint(const event_view& event) {
  const auto stream = event.stream();
  const std::uint64_t parts[]{
      event.position().bits(),
      event.version().number(),
      event.epoch(),
      static_cast<std::uint64_t>(event.recorded_at().time_since_epoch().count()),
      event.command_id().high(),
      event.command_id().low(),
      XXH3_64bits(stream.data(), stream.size())};
  return XXH3_64bits(parts, sizeof(parts));
}

} // namespace cairn
