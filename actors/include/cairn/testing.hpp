#pragma once

#include <cairn/aggregate.hpp>
#include <cairn/detail/decode.hpp>

#include <capnp/message.h>

#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

/// The test kit of the library. It works with every test framework: a check that fails throws, and
/// the framework reports the exception with its text.
namespace cairn::testing {

/// Thrown if a scenario finds something other than expected.
class scenario_failure : public std::logic_error {
public:
  using std::logic_error::logic_error;
};

namespace detail {

template <class T>
std::string print(const T& value) {
  std::ostringstream out;
  out << value;
  return std::move(out).str();
}

template <class... Ts>
std::string print(const std::variant<Ts...>& value) {
  return std::visit([](const auto& alternative) { return print(alternative); }, value);
}

template <class Event>
std::string print(const std::vector<Event>& events) {
  std::string text = events.empty() ? "  (no events)\n" : "";
  for (const auto& event : events)
    text += "  " + print(event) + '\n';
  return text;
}

inline std::string print_texts(const std::vector<std::vector<std::string>>& lists) {
  std::string text;
  for (const auto& list : lists) {
    text += " ";
    for (const auto& one : list)
      text += " " + one;
    text += list.empty() ? " (none)\n" : "\n";
  }
  return text;
}

/// Writes the value and reads it back.
template <schema_value T>
T round_trip(const T& value) {
  capnp::MallocMessageBuilder message;
  schema_of<T>::write(value, message.initRoot<typename schema_of<T>::wire>());
  auto words = capnp::canonicalize(message.getRoot<typename schema_of<T>::wire>().asReader());
  const kj::ArrayPtr<const capnp::word> segment = words;
  const kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments{&segment, 1};
  capnp::SegmentArrayMessageReader reader{segments};
  auto read = schema_of<T>::read(reader.getRoot<typename schema_of<T>::wire>());
  if (!(read == value)) {
    throw scenario_failure{"a value is not the same after it was written and read back:\n  before: "
                           + print(value) + "\n  after:  " + print(read)};
  }
  return read;
}

} // namespace detail

/// True for an event of the aggregate, current or older.
template <class Event, class T>
concept happened_to =
    alternative_of<Event, typename T::event> || alternative_of<Event,
                                                               cairn::detail::older_events_of<T>>;

/// The outcome of a scenario's command. Each check throws `scenario_failure`, which says what was
/// expected and what was found, and returns this outcome, so that checks can be chained.
template <aggregate T>
class outcome {
public:
  using event = typename T::event;
  using state = typename T::state;

  /// For `scenario` only.
  outcome(decision<event> decided, const state& before, state after)
    : reservations_{decided.reservations()}, after_{std::move(after)} {
    if (decided.rejected())
      rejection_.emplace(decided.rejection());
    for (std::size_t i = 0; i < decided.size(); ++i) {
      events_.push_back(decided[i]);
      tags_.push_back(std::visit(
          [&](const auto& happened) { return cairn::detail::call_tags<T>(before, happened); },
          decided[i]));
    }
  }

  /// Checks that the command was accepted with exactly these events, in this order. Without
  /// arguments: that it changed nothing.
  template <alternative_of<event>... Events>
  const outcome& then(const Events&... expected) const {
    return then(std::vector<event>{event{expected}...});
  }
  const outcome& then(const std::vector<event>& expected) const {
    if (rejection_) {
      throw scenario_failure{"expected the events\n" + detail::print(expected)
                             + "but the command was rejected: " + detail::print(*rejection_)};
    }
    if (!(events_ == expected)) {
      throw scenario_failure{"expected the events\n" + detail::print(expected) + "but got\n"
                             + detail::print(events_)};
    }
    return *this;
  }

  /// Checks that the command was rejected with this code.
  const outcome& then_rejected(std::string_view code) const {
    if (!rejection_) {
      throw scenario_failure{"expected the rejection " + std::string{code} + " but got\n"
                             + detail::print(events_)};
    }
    if (rejection_->code != code) {
      throw scenario_failure{"expected the rejection " + std::string{code} + " but got "
                             + detail::print(*rejection_)};
    }
    return *this;
  }

  /// Checks the events' tags: one list for each event.
  const outcome& then_tagged(const std::vector<std::vector<std::string>>& expected) const {
    if (tags_ != expected)
      throw scenario_failure{"expected the tags\n" + detail::print_texts(expected) + "but got\n"
                             + detail::print_texts(tags_)};
    return *this;
  }

  /// Checks that the command reserves exactly these keys, in this order. A scenario cannot tell
  /// whether they are free.
  const outcome& then_reserves(const std::vector<std::string>& keys) const {
    return then_keys("reserved", keys, false);
  }
  /// Checks that the command releases exactly these keys, in this order.
  const outcome& then_releases(const std::vector<std::string>& keys) const {
    return then_keys("released", keys, true);
  }

  /// Checks the state after the command's events.
  const outcome& then_state(const state& expected) const {
    if (!(after_ == expected)) {
      throw scenario_failure{"expected the state\n  " + detail::print(expected) + "\nbut got\n  "
                             + detail::print(after_)};
    }
    return *this;
  }

  const std::vector<event>& events() const noexcept { return events_; }
  /// Of each event.
  const std::vector<std::vector<std::string>>& tags() const noexcept { return tags_; }
  const std::vector<reservation>& reservations() const noexcept { return reservations_; }
  const std::optional<cairn::rejection>& rejection() const noexcept { return rejection_; }
  /// After the command's events.
  const state& after() const noexcept { return after_; }

private:
  const outcome& then_keys(std::string_view what, const std::vector<std::string>& expected,
                           bool release) const {
    std::vector<std::string> keys;
    for (const auto& wanted : reservations_)
      if (wanted.release == release)
        keys.push_back(wanted.key);
    if (keys != expected)
      throw scenario_failure{"expected to be " + std::string{what} + "\n"
                             + detail::print_texts({expected}) + "but got\n"
                             + detail::print_texts({keys})};
    return *this;
  }

  std::vector<event> events_;
  std::vector<std::vector<std::string>> tags_;
  std::vector<reservation> reservations_;
  std::optional<cairn::rejection> rejection_;
  state after_;
};

/// Tests an aggregate's rules without a runtime: given these events, when this command, then ...
///
///     scenario<shopping_cart>{}
///         .given(item_added{.sku = "tea", .quantity = 1}, checked_out{})
///         .when(add_item{.sku = "milk", .quantity = 1})
///         .then_rejected("already_checked_out");
///
/// Every event, command and state is written and read back on the way, so a schema that loses
/// something is found here. decide is called twice, so one that is not pure is found, too. Both
/// throw `scenario_failure`.
template <aggregate T>
class scenario {
public:
  using event = typename T::event;
  using state = typename T::state;

  /// Appends to the aggregate's history. Older events are upcast, as they are from a journal.
  template <happened_to<T>... Events>
  scenario& given(const Events&... events) {
    (evolve(events), ...);
    return *this;
  }
  scenario& given(const std::vector<event>& events) {
    for (const auto& happened : events)
      std::visit([this](const auto& alternative) { evolve(alternative); }, happened);
    return *this;
  }

  /// Decides the command and applies its events to a copy of the state. The scenario itself does
  /// not change, so several commands can be tried on one history.
  template <alternative_of<typename T::command> Command>
  outcome<T> when(const Command& command) const {
    auto decided = decide(command);
    if (!(same(decided, decide(command)))) {
      throw scenario_failure{"decide is not pure: asked twice, it decided differently on "
                             + detail::print(command)};
    }
    auto next = *this;
    for (std::size_t i = 0; i < decided.size(); ++i)
      std::visit([&](const auto& alternative) { next.evolve(alternative); }, decided[i]);
    return outcome<T>{std::move(decided), state_, std::move(next.state_)};
  }

  /// The state after the history.
  const state& current() const noexcept { return state_; }

private:
  template <class Command>
  decision<event> decide(const Command& command) const {
    return cairn::detail::call_decide<T>(state_, detail::round_trip(command));
  }

  template <class Event>
  void evolve(const Event& happened) {
    if constexpr (alternative_of<Event, event>) {
      cairn::detail::call_evolve<T>(state_, detail::round_trip(happened));
      state_ = detail::round_trip(state_);
    } else {
      const auto evolve_by = [this](auto, const auto& current) { evolve(current); };
      cairn::detail::upcast_event<T>(detail::round_trip(happened), evolve_by);
    }
  }

  static bool same(const decision<event>& one, const decision<event>& other) {
    if (one.rejected() || other.rejected()) {
      return one.rejected() && other.rejected() && one.rejection() == other.rejection();
    }
    if (one.size() != other.size() || one.reservations() != other.reservations())
      return false;
    for (std::size_t i = 0; i < one.size(); ++i) {
      if (!(one[i] == other[i]))
        return false;
    }
    return true;
  }

  state state_{};
};

} // namespace cairn::testing
