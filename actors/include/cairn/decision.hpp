#pragma once

#include <cairn/error.hpp>
#include <cairn/event_batch.hpp>

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace cairn {

/// The model refuses the command: an ordinary reply, not an error. Nothing was written.
struct rejection {
  std::string code;     ///< For programs: a fixed word of the model, such as `already_checked_out`.
  std::string message;  ///< For people; may be empty.
  std::string key = {}; ///< The key, if a reservation was refused; otherwise empty.

  bool operator==(const rejection&) const = default;
};

std::ostream& operator<<(std::ostream& out, const rejection& no);

/// Returned by `decide` to refuse a command.
inline rejection reject(std::string code, std::string message = {}) {
  return {std::move(code), std::move(message), {}};
}

/// The code of the rejection if a command reserves or releases a key that another aggregate holds.
inline constexpr const char* key_held_code = "key_held";

/// Returned by `decide` to accept a command that changes nothing: the reply accepts, and there is
/// no event.
struct no_events_t {};
inline constexpr no_events_t no_events{};

namespace detail {

template <class T, class Variant>
struct is_alternative : std::false_type {};
template <class T, class... Ts>
struct is_alternative<T, std::variant<Ts...>> : std::disjunction<std::is_same<T, Ts>...> {};

} // namespace detail

/// `T` is one of the types of the variant.
template <class T, class Variant>
concept alternative_of = detail::is_alternative<std::remove_cvref_t<T>, Variant>::value;

/// The result of `decide`: a rejection, or the events that the command causes (often one, sometimes
/// none; several are appended as one atomic batch). `Event` is the aggregate's variant of events.
///
/// Return a rejection, one event, `no_events`, or a list: `return {item_added{...},
/// cart_filled{}};`
///
/// A decision with events may also reserve keys. A key is unique across all aggregates of all
/// types:
///
///     return cairn::decision<event>{registered{.email = c.email}}.reserve("email:" + c.email);
///
/// Keys are checked when the events are appended. If another aggregate holds one of them, the
/// command is rejected (`code` is `key_held_code`, `key` the key), and none of its events is
/// written. Commands of this aggregate that were decided after it are executed again; their callers
/// do not notice.
template <class Event>
class decision {
public:
  decision(cairn::rejection no) : content_{std::move(no)} {}
  decision(no_events_t) : content_{std::vector<Event>{}} {}
  decision(Event event) : content_{std::move(event)} {}
  decision(std::vector<Event> events) : content_{std::move(events)} {}
  decision(std::initializer_list<Event> events) : content_{std::vector<Event>(events)} {}

  template <alternative_of<Event> E>
  decision(E&& event) : content_{std::in_place_type<Event>, std::forward<E>(event)} {}

  /// Reserves the key for this aggregate. Does nothing if it holds the key already. A command may
  /// reserve and release at most `max_reservations` keys, each 1 to `max_key_bytes` bytes of UTF-8
  /// without control characters; otherwise it fails with `invalid_argument`. A decision without
  /// events cannot reserve, as the events hold the reservation: the command fails with
  /// `decide_failed`.
  decision& reserve(std::string key) & {
    reservations_.push_back({std::move(key), false});
    return *this;
  }
  decision&& reserve(std::string key) && { return std::move(reserve(std::move(key))); }

  /// Releases the key. Does nothing if nobody holds it.
  decision& release(std::string key) & {
    reservations_.push_back({std::move(key), true});
    return *this;
  }
  decision&& release(std::string key) && { return std::move(release(std::move(key))); }

  /// The keys reserved and released, in the order of the calls.
  const std::vector<reservation>& reservations() const noexcept { return reservations_; }

  bool rejected() const noexcept { return std::holds_alternative<cairn::rejection>(content_); }
  /// Requires `rejected()`.
  const cairn::rejection& rejection() const { return std::get<cairn::rejection>(content_); }
  cairn::rejection& rejection() { return std::get<cairn::rejection>(content_); }

  /// The number of events; 0 for a rejection.
  std::size_t size() const noexcept {
    if (const auto* several = std::get_if<std::vector<Event>>(&content_))
      return several->size();
    return rejected() ? 0 : 1;
  }

  /// The event with this index, below `size()`.
  const Event& operator[](std::size_t index) const {
    detail::check(index < size(), "decision::operator[] beyond its events");
    if (const auto* several = std::get_if<std::vector<Event>>(&content_))
      return (*several)[index];
    return std::get<Event>(content_);
  }

private:
  std::variant<Event, std::vector<Event>, cairn::rejection> content_;
  std::vector<reservation> reservations_; // mostly none
};

/// The reply to a command: accepted, or rejected by the model. Either way it leaves only when every
/// event that it depends on is durable.
class reply {
public:
  /// For the runtime and for tests.
  static reply accept(cairn::version version, cairn::position position, std::uint64_t events,
                      bool repeated = false) {
    return {nullptr, version, position, events, repeated};
  }
  static reply refuse(cairn::rejection no, cairn::version version, cairn::position position) {
    return refuse(std::make_shared<const cairn::rejection>(std::move(no)), version, position);
  }
  /// `no` is not null.
  static reply refuse(std::shared_ptr<const cairn::rejection> no, cairn::version version,
                      cairn::position position) {
    return {std::move(no), version, position, 0, false};
  }

  bool accepted() const noexcept { return !rejection_; }

  /// Requires that the reply is not `accepted()`; otherwise it is a bug and stops the program.
  /// Valid as long as any copy of the reply.
  const cairn::rejection& rejection() const {
    detail::check(!accepted(), "reply::rejection() of a reply that accepts");
    return *rejection_;
  }

  /// The version of the aggregate's last event after the command; 0 if it has none. For a
  /// rejection, the version at which the command was decided.
  cairn::version version() const noexcept { return version_; }

  /// The position of that event in the journal: what to wait for to read one's own write from a
  /// projection.
  cairn::position position() const noexcept { return position_; }

  /// How many events the command had as its effect; 0 for a rejection. Not known for a repeated
  /// command: 0.
  std::uint64_t events() const noexcept { return events_; }

  /// Whether the command had had its effect before (its command id was known) and this is the same
  /// reply again.
  bool repeated() const noexcept { return repeated_; }

  bool operator==(const reply& other) const {
    return version_ == other.version_ && position_ == other.position_ && events_ == other.events_
           && repeated_ == other.repeated_ && accepted() == other.accepted()
           && (accepted() || *rejection_ == *other.rejection_);
  }

private:
  reply(std::shared_ptr<const cairn::rejection> no, cairn::version version,
        cairn::position position, std::uint64_t events, bool repeated)
    : rejection_{std::move(no)}, version_{version}, position_{position}, events_{events},
      repeated_{repeated} {}

  std::shared_ptr<const cairn::rejection> rejection_; // rare, and large beside the rest
  cairn::version version_;
  cairn::position position_;
  std::uint64_t events_;
  bool repeated_;
};

/// Prints `accepted at version 3, position 17` or `rejected: already_checked_out`.
std::ostream& operator<<(std::ostream& out, const reply& answer);

} // namespace cairn
