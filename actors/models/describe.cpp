#include "models/describe.hpp"

#include <cairn/aggregates.hpp>

#include <kj/exception.h>

#include <exception>
#include <iomanip>
#include <sstream>

namespace cairn::detail {

std::string describe_current_exception() {
  try {
    throw;
  } catch (const std::exception& thrown) {
    return thrown.what();
  } catch (const kj::Exception& thrown) {
    return thrown.getDescription().cStr();
  } catch (...) {
    return "an exception of an unknown type";
  }
}

error command_too_deep() {
  return {errc::invalid_argument,
          "the command nests too deep; the limit is " + std::to_string(max_nesting) + " levels"};
}

error describe(const unknown_event_type& unknown, std::string_view stream,
               cairn::position position) {
  std::ostringstream text;
  text << "stream " << stream << " holds an event of the type 0x" << std::hex << std::setw(16)
       << std::setfill('0') << unknown.type << ", which its aggregate does not list";
  return error{errc::evolve_failed, text.str()}.with_position(position);
}

error describe(const upcast_failure& failure, std::string_view stream, cairn::position position) {
  return error{errc::evolve_failed,
               std::string{failure.what()} + " (aggregate " + std::string{stream} + ")"}
      .with_position(position);
}

std::optional<error> try_evolve(aggregate_state& state, const event_view& event) {
  try {
    state.evolve(event);
    return std::nullopt;
  } catch (const kj::Exception&) {
    throw;
  } catch (const unknown_event_type&) {
    throw;
  } catch (...) {
    std::ostringstream text;
    text << "evolve threw: " << describe_current_exception() << " (aggregate " << event.stream()
         << ", event " << event.version() << ')';
    return error{errc::evolve_failed, text.str()}.with_position(event.position());
  }
}

} // namespace cairn::detail
