#include <cairn/event_view.hpp>

namespace cairn {

std::string_view event_view::stream() const {
  const capnp::Text::Reader name = record_.getStream();
  return {name.begin(), name.size()};
}

message_id event_view::correlation_id() const {
  const auto trace = record_.getTrace();
  return {trace.getCorrelationHigh(), trace.getCorrelationLow()};
}

message_id event_view::causation_id() const {
  const auto trace = record_.getTrace();
  return {trace.getCausationHigh(), trace.getCausationLow()};
}

} // namespace cairn
