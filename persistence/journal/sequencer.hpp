#pragma once

#include "journal/append_outcomes.hpp"
#include "records/record.hpp"

#include <cairn/append.hpp>

#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace cairn::detail {

/// A storage engine as the sequencer sees it, with a commit under way: what it answers includes
/// what earlier operations of that commit have done.
///
/// Each function returns 0, or a code of the engine's own if the whole commit must be given up. An
/// `objection` refuses the one operation, and the commit goes on.
template <class Store>
concept sequenced_store = requires(Store& store, const stream_id& stream, const std::string& key,
                                   stream_head& head, std::string& holder,
                                   std::optional<error>& objection, cairn::position position,
                                   std::span<const capnp::word> record,
                                   const append_operation& operation) {
  /// Sets the head of a stream; version 0 if it has no event.
  { store.find_head(stream, head, objection) } -> std::same_as<int>;
  /// Sets the name of the stream that holds a key; leaves it empty if none does.
  { store.find_holder(key, holder, objection) } -> std::same_as<int>;
  /// Writes a record, which is complete. Called in the order of positions.
  { store.put(position, record) } -> std::same_as<int>;
  /// All records of the operation are written, and its outcome is set. The head of its stream is
  /// now `head`; its keys and tags are to be taken over.
  { store.landed(operation, std::as_const(head)) } -> std::same_as<int>;
};

/// Decides which appends take effect, and numbers, stamps and seals what they write: the rules that
/// every journal shares, whatever it stores records in. The writer's thread alone uses it.
class sequencer {
public:
  /// A commit begins behind `last_position`; its events are stamped with time and epoch. Once more
  /// with the same position if the commit before was given up.
  void begin(cairn::position last_position, std::uint64_t recorded_at_ns,
             std::uint64_t epoch) noexcept {
    next_position_ = last_position + 1;
    recorded_at_ns_ = recorded_at_ns;
    epoch_ = epoch;
  }

  /// The position of the last event that has been put.
  cairn::position last_position() const noexcept { return next_position_ - 1; }

  /// Appends the operation, or refuses it, and sets its outcome. Returns the store's code: after
  /// one that is not 0, nothing of this commit counts, whatever outcomes say.
  ///
  /// An operation is refused if it is orphaned, if its stream is not at the expected version, or if
  /// another stream holds one of its keys; see `append_operation::outcome`. A barrier succeeds.
  template <sequenced_store Store>
  int append(append_operation& operation, Store& store) {
    if (operation.events.empty()) {
      operation.outcome.emplace(commit{});
      return 0;
    }
    stream_head head;
    std::optional<error> objection;
    if (const int code = store.find_head(*operation.stream, head, objection))
      return code;
    if (!objection)
      objection = check_append(operation, head.version);
    if (!objection && !operation.events.reservations().empty())
      if (const int code = check_keys(operation, store, objection))
        return code;
    if (objection) {
      refuse(operation, *std::move(objection));
      return 0;
    }
    return write(operation, head, store);
  }

private:
  /// What the operation does to a key itself makes no difference: that key is free, or its own.
  template <sequenced_store Store>
  static int check_keys(append_operation& operation, Store& store,
                        std::optional<error>& objection) {
    const auto reservations = operation.events.reservations();
    std::string holder;
    for (std::size_t i = 0; i < reservations.size() && !objection; ++i) {
      holder.clear();
      if (const int code = store.find_holder(reservations[i].wanted.key, holder, objection))
        return code;
      if (!objection && !holder.empty() && holder != operation.stream->name())
        objection = held_elsewhere(operation, i, holder);
    }
    return 0;
  }

  template <sequenced_store Store>
  int write(append_operation& operation, stream_head head, Store& store) {
    const std::size_t count = operation.events.size();
    operation.outcome.emplace(commit{next_position_, head.version + 1, count});
    for (std::size_t i = 0; i < count; ++i) {
      const auto record = operation.events.record(i);
      seal_record(record, head);
      if (const int code = store.put(next_position_, record))
        return code;
      head = {head.version + 1, next_position_};
      ++next_position_;
    }
    return store.landed(operation, head);
  }

  /// Where it lies: summing a copy would wait for the copy's stores.
  void seal_record(std::span<capnp::word> record, stream_head before) const noexcept {
    CAIRN_ASSERT(record.size() > words_of<event_header>);
    const event_header header{.seal = {},
                              .version = (before.version + 1).number(),
                              .previous = before.position.bits(),
                              .recorded_at_ns = recorded_at_ns_,
                              .epoch = epoch_};
    std::memcpy(static_cast<void*>(record.data()), &header, sizeof(header));
    seal_value(key_bytes(next_position_), record.data(), record.size_bytes());
  }

  cairn::position next_position_{1};
  std::uint64_t recorded_at_ns_ = 0;
  std::uint64_t epoch_ = 0;
};

} // namespace cairn::detail
