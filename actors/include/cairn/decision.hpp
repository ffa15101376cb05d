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

/// The model's "no": an ordinary reply, not an error. Nothing was written.
struct rejection {
  std::string code;     ///< For programs: a fixed word of the model, such as `already_checked_out`.
  std::string message;  ///< For people; may be empty.
  std::string key = {}; ///< Of a reservation that was refused: the key. Otherwise empty.

  bool operator==(const rejection&) const = default;
};

std::ostream& operator<<(std::ostream& out, const rejection& no);

/// What `decide` returns to refuse a command.
inline rejection reject(std::string code, std::string message = {}) {
  return {std::move(code), std::move(message), {}};
}

/// The code of the rejection of a command that wanted to reserve or release a key that another
/// aggregate holds.
inline constexpr const char* key_held_code = "key_held";

/// What `decide` returns to accept a command that changes nothing: no event, an ordinary
/// acceptance.
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

/// What `decide` makes of a command: a rejection, or the events that follow from it (often one,
/// sometimes none or several, which are then appended as one atomic batch). `Event` is the
/// aggregate's variant of events.
///
/// Return a rejection, one event, `no_events`, or a list: `return {item_added{...},
/// cart_filled{}};`
///
/// With its events it may reserve keys, so that something is unique across all aggregates, of
/// whichever type:
///
///     return cairn::decision<event>{registered{.email = c.email}}.reserve("email:" + c.email);
///
/// Whether a key is free is decided when the events are appended, of all aggregates by one writer:
/// if another aggregate holds one of the keys, the command is answered with a rejection (`code` is
/// `key_held_code`, `key` the key), and none of its events is written. Commands that were decided
/// after it meanwhile had no effect either; they are executed again, and their callers do not
/// notice.
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

  /// Demands that the key belongs to this aggregate from now on. It is no fault if it does already.
  /// At most `max_reservations` a command; 1 to `max_key_bytes` bytes of UTF-8 without control
  /// characters; against these limits the command fails with `invalid_argument`. Only of a decision
  /// with events: they hold the reservation; else the command fails with `decide_failed`.
  decision& reserve(std::string key) & {
    reservations_.push_back({std::move(key), false});
    return *this;
  }
  decision&& reserve(std::string key) && { return std::move(reserve(std::move(key))); }

  /// Gives the key up. It is no fault if nobody holds it.
  decision& release(std::string key) & {
    reservations_.push_back({std::move(key), true});
    return *this;
  }
  decision&& release(std::string key) && { return std::move(release(std::move(key))); }

  /// What was reserved and released, in this order.
  const std::vector<reservation>& reservations() const noexcept { return reservations_; }

  bool rejected() const noexcept { return std::holds_alternative<cairn::rejection>(content_); }
  /// Only of a decision that is `rejected()`.
  const cairn::rejection& rejection() const { return std::get<cairn::rejection>(content_); }
  cairn::rejection& rejection() { return std::get<cairn::rejection>(content_); }

  /// How many events were decided; 0 for a rejection.
  std::size_t size() const noexcept {
    if (const auto* several = std::get_if<std::vector<Event>>(&content_))
      return several->size();
    return rejected() ? 0 : 1;
  }

  /// The event with this index, below `size()`.
  const Event& operator[](std::size_t index) const {
    if (const auto* several = std::get_if<std::vector<Event>>(&content_))
      return (*several)[index];
    return std::get<Event>(content_);
  }

private:
  std::variant<Event, std::vector<Event>, cairn::rejection> content_;
  std::vector<reservation> reservations_; // mostly none
};

/// The answer to a command: accepted, or rejected by the model. Either way it left only when every
/// event it depends on was durable.
class reply {
public:
  /// For the runtime and for tests.
  static reply accept(std::uint64_t version, std::uint64_t position, std::uint64_t events,
                      bool repeated = false) {
    return {nullptr, version, position, events, repeated};
  }
  static reply refuse(cairn::rejection no, std::uint64_t version, std::uint64_t position) {
    return refuse(std::make_shared<const cairn::rejection>(std::move(no)), version, position);
  }
  /// `no` is not null.
  static reply refuse(std::shared_ptr<const cairn::rejection> no, std::uint64_t version,
                      std::uint64_t position) {
    return {std::move(no), version, position, 0, false};
  }

  bool accepted() const noexcept { return !rejection_; }

  /// Only of a reply that is not `accepted()`: else it is a bug and stops the program. It lives as
  /// long as any copy of the reply.
  const cairn::rejection& rejection() const {
    detail::check(!accepted(), "reply::rejection() of a reply that accepts");
    return *rejection_;
  }

  /// The version of the aggregate's last event after the command (0: it has none). For a rejection:
  /// the version the command was judged at.
  std::uint64_t version() const noexcept { return version_; }

  /// The position of that event in the journal: what to wait for to read one's own write from a
  /// projection.
  std::uint64_t position() const noexcept { return position_; }

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
  reply(std::shared_ptr<const cairn::rejection> no, std::uint64_t version, std::uint64_t position,
        std::uint64_t events, bool repeated)
    : rejection_{std::move(no)}, version_{version}, position_{position}, events_{events},
      repeated_{repeated} {}

  std::shared_ptr<const cairn::rejection> rejection_; // rare, and large beside the rest
  std::uint64_t version_;
  std::uint64_t position_;
  std::uint64_t events_;
  bool repeated_;
};

/// Prints `accepted at version 3, position 17` or `rejected: already_checked_out`.
std::ostream& operator<<(std::ostream& out, const reply& answer);

} // namespace cairn
