#include "journal/append_outcomes.hpp"

#include <algorithm>
#include <iterator>
#include <sstream>

namespace cairn::detail {
namespace {

error version_conflict_error(const append_operation& operation, cairn::version actual) {
  std::ostringstream text;
  text << "stream " << *operation.stream << " is at version " << actual << ", expected "
       << operation.expected;
  return error{errc::version_conflict, text.str()}.with_version(actual);
}

} // namespace

std::optional<error> check_append(const append_operation& operation, cairn::version actual) {
  if (operation.orphaned())
    return error{errc::aborted, "an append to stream " + operation.stream->name()
                                    + " that this one builds upon was refused"};
  if (!operation.expected.admits(actual))
    return version_conflict_error(operation, actual);
  return std::nullopt;
}

error held_elsewhere(append_operation& operation, std::size_t index, std::string_view holder) {
  operation.refused_reservation = index;
  return {errc::key_held, "the key " + operation.events.reservations()[index].wanted.key
                              + " is held by " + std::string{holder}};
}

void refuse(append_operation& operation, error why) noexcept {
  operation.outcome.emplace(std::move(why));
  operation.refused();
}

error shut_down_error() {
  return {errc::shut_down, "the journal is closed"};
}

error inherited_error() {
  return {errc::already_open,
          "the journal was opened by the parent process and is unusable after fork; open it in the "
          "child after the parent has closed it"};
}

void complete(std::unique_ptr<append_operation> operation, result<commit> outcome) noexcept {
  if (outcome)
    operation->outcome.emplace(std::move(outcome));
  else
    refuse(*operation, std::move(outcome).error());
  append_listener* const target = operation->target;
  std::vector<std::unique_ptr<append_operation>> one;
  one.push_back(std::move(operation));
  target->on_completed(std::move(one));
}

void complete_all(std::vector<std::unique_ptr<append_operation>> operations) noexcept {
  const auto run_end = [&](auto first) {
    append_listener* const target = (*first)->target;
    return std::find_if(first, operations.end(),
                        [&](const auto& operation) { return operation->target != target; });
  };
  for (auto first = operations.begin(); first != operations.end();) {
    append_listener* const target = (*first)->target;
    const auto last = run_end(first);
    if (first == operations.begin() && last == operations.end())
      return target->on_completed(std::move(operations)); // the usual case: one target for all
    target->on_completed({std::make_move_iterator(first), std::make_move_iterator(last)});
    first = last;
  }
}

result<void> check_events(const append_operation& operation, std::size_t max_event_bytes) {
  if (!operation.events.is_for(*operation.stream))
    return error{errc::invalid_argument, "events of stream " + operation.events.stream()
                                             + " cannot be appended to stream "
                                             + operation.stream->name()};
  if (operation.events.bytes() <= max_event_bytes)
    return {};
  for (std::size_t i = 0; i < operation.events.size(); ++i)
    if (const auto bytes = operation.events.record(i).size_bytes(); bytes > max_event_bytes)
      return error{errc::invalid_argument, "an event of stream " + operation.stream->name()
                                               + " takes " + std::to_string(bytes)
                                               + " bytes in the journal, which takes "
                                               + std::to_string(max_event_bytes)};
  return {};
}

} // namespace cairn::detail
