#include "models/copied_replay.hpp"

#include "models/describe.hpp"

#include <utility>

namespace cairn::detail {
namespace {

constexpr std::size_t most_events = 4096;
constexpr std::size_t most_bytes = std::size_t{1} << 20;

} // namespace

bool copied_replay::is_full() const noexcept {
  return copies_.size() >= most_events || copies_.bytes() >= most_bytes;
}

void copied_replay::copy(const journal& events) {
  copies_.clear();
  if (walked_)
    fetch(events);
  else
    walk(events);
}

void copied_replay::walk(const journal& events) {
  walked_ = true;
  const auto take = [&](const event_view& event) {
    if (is_full())
      remembered_.push_back(event.position());
    else
      copies_.add(event);
    return visit_result::proceed;
  };
  const auto walked = events.replay(stream_, from_, to_, take);
  if (!walked)
    failure_ = walked.error();
}

/// Events at neighbouring positions are read in one go.
void copied_replay::fetch(const journal& events) {
  while (next_remembered_ < remembered_.size() && !is_full()) {
    const auto take = [&](const event_view& event) {
      copies_.add(event);
      const auto position = event.position();
      const bool neighbour =
          ++next_remembered_ < remembered_.size() && remembered_[next_remembered_] == position + 1;
      return neighbour && !is_full() ? visit_result::proceed : visit_result::stop;
    };
    const auto before = next_remembered_;
    const auto fetched = events.replay_all(remembered_[next_remembered_], take);
    if (fetched && next_remembered_ > before)
      continue;
    failure_ = fetched ? error{errc::corrupt_journal, "stream " + stream_.name()
                                                          + " has lost the event at position "
                                                          + to_string(remembered_[before])}
                       : fetched.error();
    remembered_.clear();
    next_remembered_ = 0;
    return;
  }
}

bool copied_replay::show(event_visitor visitor) {
  bool stopped = false;
  cairn::position position{};
  std::optional<error> failed;
  const auto pass_on = [&](const event_view& event) {
    position = event.position();
    const auto went = visitor(event);
    last_visited_ = event.version();
    stopped = went == visit_result::stop;
    return went;
  };
  try {
    if (auto shown = copies_.visit_from(0, pass_on); !shown)
      failed = std::move(shown).error();
  } catch (const unknown_event_type& unknown) {
    failed = describe(unknown, stream_.name(), position);
  } catch (const upcast_failure& failure) {
    failed = describe(failure, stream_.name(), position);
  }
  if (!stopped && !failed)
    return next_remembered_ < remembered_.size();
  failure_ = std::move(failed); // copying may have failed further on than the caller wants to read
  return false;
}

result<cairn::version> copied_replay::outcome() const {
  if (failure_)
    return *failure_;
  return last_visited_;
}

} // namespace cairn::detail
