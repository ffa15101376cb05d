#include "simulation/history_check.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <tuple>
#include <utility>

namespace cairn::detail {
namespace {

/// Thrown to its own caller only.
struct contradiction {
  std::string what;
};

/// One aggregate of the model.
struct modelled_stream {
  std::unique_ptr<aggregate_state> state;
  cairn::version version{};
  cairn::position position{};                       // of the last event
  std::deque<message_id> recent;                    // commands that had an effect, newest last
  std::multimap<cairn::version, std::size_t> reads; // attempts that changed nothing, by version
};

class checker {
public:
  checker(history& seen, const simulated_domain& domain, const aggregate_options& hosting,
          const journal& log)
    : seen_{seen}, domain_{domain}, hosting_{hosting}, log_{log} {}

  void run() {
    sort_reads();
    for (std::size_t i = 0; i < streams_.size(); ++i)
      check_reads(i);
    const auto replayed = log_.replay_all(cairn::position{1}, [&](const event_view& event) {
      take_in(event);
      return visit_result::proceed;
    });
    if (!replayed)
      throw contradiction{"the journal cannot be read: " + replayed.error().message()};
    if (decided_)
      wrong(writing_, "only some of its events are in the journal");
    for (const auto& stream : streams_)
      if (!stream.reads.empty())
        wrong(stream.reads.begin()->second, "it names a version that the journal lacks");
    for (std::size_t i = 0; i < seen_.attempts.size(); ++i)
      check_outcome(i);
    check_order_of_sending();
  }

private:
  [[noreturn]] void wrong(std::size_t number, const std::string& what) const {
    const auto& of = seen_.attempts[number];
    const auto& asked = seen_.operations[of.operation];
    throw contradiction{(asked.command ? "command " : "query ") + std::to_string(number) + " to "
                        + seen_.streams[asked.stream].name + " ("
                        + std::string{to_string(of.outcome)} + " at version "
                        + to_string(of.version) + "): " + what};
  }

  void sort_reads() {
    for (const auto& stream : seen_.streams)
      streams_.emplace_back().state = domain_.types[stream.type]->model(hosting_)->make_state();
    for (std::size_t i = 0; i < seen_.attempts.size(); ++i) {
      const auto& of = seen_.attempts[i];
      const bool read = of.outcome == attempt_outcome::rejected
                        || of.outcome == attempt_outcome::conflict
                        || of.outcome == attempt_outcome::seen
                        || (of.outcome == attempt_outcome::accepted && of.events == 0);
      if (read)
        streams_[seen_.operations[of.operation].stream].reads.emplace(of.version, i);
    }
  }

  // --- The journal, event by event ---------------------------------------------------------------

  void take_in(const event_view& event) {
    if (event.position() != ++position_)
      throw contradiction{"position " + to_string(position_) + " is missing"};
    const auto number = event.correlation_id().low() - 1;
    if (number >= seen_.attempts.size())
      throw contradiction{"nobody has asked for the event at position " + to_string(position_)};
    const auto which = seen_.operations[seen_.attempts[number].operation].stream;
    auto& stream = streams_[which];
    if (event.stream() != seen_.streams[which].name)
      wrong(number, "its events are in the stream of another aggregate");
    if (event.version() != stream.version + 1 || event.previous() != stream.position)
      throw contradiction{"the event at position " + to_string(position_)
                          + " does not continue its stream"};
    if (!decided_)
      begin_command(number, stream);
    if (number != writing_)
      wrong(writing_, "only some of its events are in the journal");
    if (index_ >= decided_->events || !decided_->is(index_, event))
      wrong(number, "its event " + std::to_string(index_ + 1) + " is not what decide gives");
    stream.state->evolve(event);
    ++stream.version;
    stream.position = position_;
    if (++index_ == decided_->events)
      end_command(which);
  }

  void begin_command(std::size_t number, modelled_stream& stream) {
    auto& of = seen_.attempts[number];
    const auto& asked = seen_.operations[of.operation];
    if (!of.written_at.is_none())
      wrong(number, "it has had its effect twice");
    if (!asked.id.empty() && is_recent(stream, asked.id))
      wrong(number, "the command was repeated, and has had its effect twice");
    if (stream.version < of.floor)
      wrong(number, "its effect lies before what a reply had told before it was sent");
    if (!asked.command)
      wrong(number, "a query has an effect");
    decided_ = asked.command->decide(*stream.state);
    writing_ = number;
    index_ = 0;
    if (decided_->threw || decided_->rejection || decided_->events == 0)
      wrong(number,
            "it has an effect, though decide gives none at version " + to_string(stream.version));
  }

  void end_command(std::size_t which) {
    auto& stream = streams_[which];
    auto& of = seen_.attempts[writing_];
    of.written_at = stream.version;
    of.written_position = stream.position;
    if (const auto id = seen_.operations[of.operation].id; !id.empty()) {
      stream.recent.push_back(id);
      if (stream.recent.size() > hosting_.deduplication_window)
        stream.recent.pop_front();
    }
    decided_.reset();
    if (const auto problem = type_of(which).wrong_with(*stream.state))
      wrong(writing_, "the invariant does not hold after it: " + *problem);
    check_reads(which);
  }

  const simulated_type& type_of(std::size_t stream) const {
    return *domain_.types[seen_.streams[stream].type];
  }

  static bool is_recent(const modelled_stream& stream, message_id id) {
    return std::find(stream.recent.begin(), stream.recent.end(), id) != stream.recent.end();
  }

  // --- What changed nothing, at its version ------------------------------------------------------

  void check_reads(std::size_t which) {
    auto& stream = streams_[which];
    const auto end = stream.reads.upper_bound(stream.version);
    for (auto read = stream.reads.begin(); read != end; ++read) {
      if (read->first != stream.version)
        wrong(read->second, "it names a version amid the events of one command");
      check_read(read->second, stream);
    }
    stream.reads.erase(stream.reads.begin(), end);
  }

  void check_read(std::size_t number, const modelled_stream& stream) const {
    const auto& of = seen_.attempts[number];
    const auto& asked = seen_.operations[of.operation];
    if (!of.position.is_start() && of.position != stream.position)
      wrong(number, "its position is not that of its version");
    if (of.outcome == attempt_outcome::seen) {
      if (of.state
          != words_of([&](capnp::AnyPointer::Builder into) { stream.state->write_snapshot(into); }))
        wrong(number, "it has seen another state than that of its version");
      return;
    }
    if (!asked.id.empty() && is_recent(stream, asked.id))
      wrong(number, "it was judged anew, though it had had its effect before");
    if (of.outcome == attempt_outcome::conflict) {
      if (!of.expects_floor || of.version == of.floor)
        wrong(number, "it was told of a conflict with the version that it expected");
      return;
    }
    const auto decided = asked.command->decide(*stream.state);
    if (of.outcome == attempt_outcome::rejected) {
      const bool by_another = decided->wants_keys && of.rejection == key_held_code;
      if (!by_another && decided->rejection != of.rejection)
        wrong(number, "it was rejected with " + of.rejection + ", which decide does not give");
    } else if (decided->threw || decided->rejection || decided->events != 0) {
      wrong(number, "it was accepted without effect, which decide does not give");
    }
  }

  // --- The replies -------------------------------------------------------------------------------

  void check_outcome(std::size_t number) const {
    const auto& of = seen_.attempts[number];
    switch (of.outcome) {
      case attempt_outcome::under_way: wrong(number, "it was never answered");
      case attempt_outcome::lost:
      case attempt_outcome::unknown: return;
      case attempt_outcome::accepted:
        if (of.events != 0
            && std::tie(of.written_at, of.written_position) != std::tie(of.version, of.position))
          wrong(number, "what was acknowledged is not in the journal where the reply says");
        if (of.events != 0 && of.expects_floor && of.version != of.floor + of.events)
          wrong(number, "it was accepted at another version than it expected");
        if (of.events != 0 || of.written_at.is_none())
          return;
        break;
      case attempt_outcome::not_visible:
        if (!of.written_at.is_none() && of.written_at != of.version)
          wrong(number, "what was acknowledged is not in the journal where the reply says");
        return;
      case attempt_outcome::repeated: return check_repeated(number);
      default: break;
    }
    if (!of.written_at.is_none())
      wrong(number, "it has an effect, though the reply said that it had none");
  }

  void check_repeated(std::size_t number) const {
    const auto& of = seen_.attempts[number];
    if (!of.written_at.is_none())
      wrong(number, "it has an effect, though the reply said that it had one before");
    for (const auto& other : seen_.attempts)
      if (other.operation == of.operation
          && std::tie(other.written_at, other.written_position)
                 == std::tie(of.version, of.position))
        return;
    wrong(number, "the first effect is not where the reply says");
  }

  /// One caller's requests to one aggregate take effect in the order of their sending.
  void check_order_of_sending() const {
    std::map<std::tuple<std::uint32_t, std::size_t, std::size_t>, cairn::version> last;
    for (std::size_t i = 0; i < seen_.attempts.size(); ++i) {
      const auto& of = seen_.attempts[i];
      const auto& asked = seen_.operations[of.operation];
      if (of.outcome != attempt_outcome::accepted && of.outcome != attempt_outcome::rejected
          && of.outcome != attempt_outcome::seen)
        continue;
      auto& before = last[{of.incarnation, asked.client, asked.stream}];
      if (of.version < before + of.events)
        wrong(i, "it was overtaken by a later request of its client");
      before = of.version;
    }
  }

  history& seen_;
  const simulated_domain& domain_;
  const aggregate_options& hosting_;
  const journal& log_;
  std::vector<modelled_stream> streams_;
  cairn::position position_{};

  // The command whose events are being read.
  std::size_t writing_ = 0;
  std::size_t index_ = 0;
  std::unique_ptr<simulated_decision> decided_;
};

} // namespace

std::optional<std::string> check_history(history& seen, const simulated_domain& domain,
                                         const aggregate_options& hosting, const journal& log) {
  try {
    checker{seen, domain, hosting, log}.run();
    return std::nullopt;
  } catch (contradiction& found) {
    return std::move(found.what);
  }
}

} // namespace cairn::detail
