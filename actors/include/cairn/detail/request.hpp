#pragma once

#include <cairn/decision.hpp>
#include <cairn/event_batch.hpp>
#include <cairn/ids.hpp>
#include <cairn/journal.hpp>
#include <cairn/result.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace cairn::detail {

/// The state of one aggregate, whatever its type.
class aggregate_state {
public:
  virtual ~aggregate_state() = default;

  /// Folds an event of the journal into the state. Throws what evolve throws, `kj::Exception` for a
  /// damaged payload, and `unknown_event_type` for an event that the aggregate does not list.
  virtual void evolve(const event_view& event) = 0;

  virtual void write_snapshot(capnp::AnyPointer::Builder into) const = 0;
  /// Replaces the state. Throws `kj::Exception`.
  virtual void read_snapshot(capnp::AnyPointer::Reader from) = 0;
  /// The aggregate's own predicate; false if it has none.
  virtual bool wants_snapshot(cairn::version version) const = 0;

  /// Memory that the state holds, itself included.
  virtual std::size_t bytes() const noexcept = 0;
};

struct unknown_event_type;

/// Folds an event into the state. What evolve throws becomes `evolve_failed` with the event's
/// position; what concerns the record (`kj::Exception`, `unknown_event_type`) passes through.
std::optional<error> try_evolve(aggregate_state& state, const event_view& event);

/// What one request may touch while it is executed.
struct execution {
  aggregate_state& state;
  const stream_id& stream;
  event_batch& events;    ///< Where the effects of a command are appended.
  cairn::version version; ///< Of the state, before the request.
};

/// What executing a request did to the state.
enum class effect : std::uint8_t {
  none,     ///< Nothing: a query, a rejection, a failure that left the state alone.
  appended, ///< It is evolved by the events that were added to the batch.
  poisoned, ///< Unknown: evolve threw half way. No event was added; the state must be rebuilt.
};

/// A command or a query on its way to an aggregate and its answer's way back.
///
/// Prepared first (`execute`, on the aggregate's thread), delivered later (`deliver`, once what it
/// depends on is durable): between the two it is carried along with the append.
class request {
public:
  explicit request(std::size_t weight) noexcept : bytes{weight} {}
  virtual ~request() = default;

  /// Decides the command or evaluates the query, and keeps the answer. Throws nothing: what a
  /// user's function throws becomes the answer. May be called again before `deliver`, if what came
  /// of it was not written.
  virtual effect execute(execution& at) noexcept = 0;

  /// Hands out the answer kept by `execute`; `at` is the last event that it depends on.
  virtual void deliver(stream_head at) noexcept = 0;

  /// Answers a command that had its effect before.
  virtual void deliver_repeated(stream_head at) noexcept = 0;

  /// The journal has refused what it was executed for: from now on `execute` does nothing but keep
  /// this rejection. Only of a command.
  virtual void reject_with(rejection no) noexcept {
    (void)no;
    assertion_failed("this request reserves nothing", __FILE__, __LINE__);
  }

  /// Answers with an error instead.
  virtual void fail(error failure) noexcept = 0;

  /// Gives up the queue's ownership.
  virtual void dispose() noexcept = 0;

  // What the aggregate looks at before it executes the request.
  message_id command_id; ///< Empty: no deduplication.
  expected_version expected = expected_version::any();
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();

  std::size_t bytes; ///< What it counts against the runtime's bound.

  request* next = nullptr; ///< Of the inbox.
};

struct request_disposer {
  void operator()(request* object) const noexcept { object->dispose(); }
};
using request_ptr = std::unique_ptr<request, request_disposer>;

} // namespace cairn::detail
