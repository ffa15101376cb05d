#pragma once

#include <cairn/event_buffer.hpp>
#include <cairn/runtime.hpp>

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/config.hpp>
#include <caf/error.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <variant>

#if CAF_MAJOR_VERSION >= 1
#include <caf/is_error_code_enum.hpp>
#include <caf/type_id.hpp>
#endif

/// For applications that are CAF programs themselves; no other header of Cairn mentions CAF. It is
/// the same for CAF 0.17.6 and 1.x; Cairn and the application must be built with the same one.
///
/// Here an aggregate is an actor of the application, and an actor can follow the log:
///
///     auto runtime = cairn::open_in(system, {.storage = cairn::lmdb{"shop"}}).value();
///     auto carts = runtime.host<cart>().value();
///
///     // In an actor. The handle is for the id: it stays valid while the aggregate comes and goes.
///     auto mine = cairn::actor_of(carts, "cart-42").value();
///     self->request(mine, std::chrono::seconds{5}, cairn::caf_command{add_item{.sku = "tea"}})
///         .then([](const cairn::caf_reply& reply) { ... reply->accepted() ... },
///               [](const caf::error& problem) { ... cairn::error_of(problem) ... });
///
///     // Events as messages, the next batch when this handler has returned.
///     auto news = cairn::subscribe_actor(runtime, cairn::event_selection::all(), follower);
///     [](const cairn::caf_events& batch) { batch.visit<cart>(handler); }
///
/// With CAF 1.x: `self->mail(cairn::caf_command{...}).request(mine, 5s).then(...)`.
///
/// The names are `cairn::caf_...` and not `cairn::caf::...`: a namespace of that name would hide
/// CAF's own in all of Cairn, and make `caf::actor` ambiguous after `using namespace cairn`.
namespace cairn {

/// CAF 1.x wants to know the types of messages before the first `caf::actor_system` is made: call
/// this in `main`, or name the block, `CAF_MAIN(caf::id_block::cairn, ...)`. Calling it again does
/// nothing, and neither does calling it with CAF 0.17.6. Needed for every message below.
void register_caf_types();

/// Opens a runtime whose aggregates run in the application's actor system, beside its own actors.
///
/// The runtime must be closed before `system` is destroyed; then nothing of it is left there.
/// Aggregates take their turns on the threads of `system`: an actor that waits there (`get`) holds
/// up as much as if decide waited, and Cairn cannot tell. Actors send requests to `actor_of`.
/// `runtime_options::threads` only sizes what is derived from it: the threads are the system's.
/// Errors: those of `runtime::open`.
///
/// With CAF 0.17.6, a thread of another actor system that sends a command to a runtime logs nothing
/// to its own system's logger from then on: CAF has no way to give that back.
result<runtime> open_in(caf::actor_system& system, runtime_options options);

// --- Errors --------------------------------------------------------------------------------------

/// An error of Cairn as CAF's actors see it: its code is the number of the `errc`, its category
/// `cairn` (0.17.6: that atom; 1.x: the type `cairn::errc`, so that it compares with one), its
/// context the text, and as numbers the version and the position (its `bits`).
caf::error caf_error_of(const error& failure);

/// The other way; empty: it is not one of Cairn's, but CAF's own (a timeout, a receiver that is
/// gone) or the application's.
std::optional<error> error_of(const caf::error& problem);

// --- Commands ------------------------------------------------------------------------------------

/// A command on its way from an actor of the application to an aggregate: the content of a
/// `request` to the handle that `actor_of` gave. Cheap to copy. It may be sent again, also to
/// another aggregate: each time it is a command of its own, unless `ask_options::command_id` names
/// it. It never leaves the process.
class caf_command {
public:
  /// For CAF only: an empty command, which no aggregate takes.
  caf_command() = default;

  template <schema_value Command>
  caf_command(Command command, ask_options options = {})
    : content_{
        std::make_shared<const content_of<Command>>(std::move(options), std::move(command))} {}

  /// The command, if it is of this type; else null.
  template <schema_value Command>
  const Command* get() const noexcept {
    return content_ && content_->type == typeid(Command)
               ? &static_cast<const content_of<Command>&>(*content_).command
               : nullptr;
  }

  /// Asks an aggregate of the type `T`; empty: it takes no such command. Any thread.
  template <aggregate T>
  std::optional<future<reply>> ask(const aggregates<T>& to, std::string_view id) const {
    return [&]<class... Commands>(std::type_identity<std::variant<Commands...>>) {
      std::optional<future<reply>> asked;
      const auto try_one = [&]<class Command>(std::type_identity<Command>) {
        if (const auto* const command = get<Command>())
          asked.emplace(to.ask(id, *command, content_->options));
      };
      (try_one(std::type_identity<Commands>{}), ...);
      return asked;
    }(std::type_identity<typename T::command>{});
  }

private:
  struct content {
    content(const std::type_info& its_type, ask_options given)
      : type{its_type}, options{std::move(given)} {}
    const std::type_info& type;
    const ask_options options;
  };
  template <class Command>
  struct content_of final : content {
    content_of(ask_options given, Command what)
      : content{typeid(Command), std::move(given)}, command{std::move(what)} {}
    const Command command;
  };

  std::shared_ptr<const content> content_;
};

/// What an aggregate responds to a `caf_command`. Cheap to copy.
///
/// A rejection is one, too: it is the model's ordinary answer, and not a `caf::error`, which ends a
/// requesting actor that has no handler for errors.
class caf_reply {
public:
  /// For CAF only: accepted, at version 0.
  caf_reply() = default;
  explicit caf_reply(reply answer) noexcept : answer_{std::move(answer)} {}

  const reply& operator*() const noexcept { return answer_; }
  const reply* operator->() const noexcept { return &answer_; }

private:
  reply answer_ = reply::accept({}, {}, 0);
};

namespace detail {

struct aggregates_access {
  template <aggregate T>
  static const std::shared_ptr<aggregate_host>& host(const aggregates<T>& of) noexcept {
    return of.host();
  }
};

using caf_ask = std::function<std::optional<future<reply>>(const caf_command&)>;

result<caf::actor> spawn_handle(aggregate_host& host, std::string_view id, caf_ask ask);

} // namespace detail

/// An actor that stands for the aggregate `id`, which need not exist yet.
///
/// It takes `caf_command`s by `request`, in the order of sending as `aggregates::ask`, has no
/// mailbox that could grow (the runtime's bounds count: `overloaded`), and answers each with
/// - a `caf_reply`: the command is accepted, or rejected by the model;
/// - the `caf_error_of` of what `aggregates::ask` would have brought;
/// - `sec::unexpected_message`: another message, or a command that is none of `T::command`;
/// - `sec::request_receiver_down`: it has ended.
/// A time-out given to `request` stops the waiting, not the command. A plain `send` is carried out
/// and not answered.
///
/// The handle is for the id and not for what is in memory: the aggregate is activated, passivated
/// and rebuilt behind it unseen. It ends when the runtime closes, after everything it has accepted
/// is answered: those that monitor it get a `down_msg` and those linked to it an `exit_msg`, with
/// `exit_reason::user_shutdown`. It ends alone, and the aggregate does not notice, by an exit
/// message with a reason, or with its last handle. Each call makes an actor of its own: keep the
/// handle.
///
/// Errors: `invalid_argument` (the id; the runtime was not opened by `open_in`), `shut_down`.
template <aggregate T>
result<caf::actor> actor_of(const aggregates<T>& all, std::string_view id) {
  return detail::spawn_handle(
      *detail::aggregates_access::host(all), id,
      [all, id = std::string{id}](const caf_command& command) { return command.ask(all, id); });
}

// --- Events --------------------------------------------------------------------------------------

namespace detail {
class caf_delivery;
} // namespace detail

/// Events on their way to an actor: one batch, in the order of positions. Cheap to copy.
class caf_events {
public:
  /// For CAF only: no events.
  caf_events() = default;
  caf_events(std::shared_ptr<const event_buffer> events, cairn::position position) noexcept
    : events_{std::move(events)}, position_{position} {}

  std::size_t size() const noexcept { return events_ ? events_->size() : 0; }

  /// Every selected event up to this position is in this batch or was in one before it: where to
  /// begin another time.
  cairn::position position() const noexcept { return position_; }

  /// Calls `handler(const event_view&)` for each. Errors: `corrupt_record`; what the handler throws
  /// passes through.
  template <std::invocable<const event_view&> Handler>
  result<void> visit(Handler&& handler) const {
    if (!events_)
      return {};
    auto visited = events_->visit_from(
        0, [&](const event_view& event) { return handler(event), cairn::visit_result::proceed; });
    return visited ? result<void>{} : result<void>{std::move(visited).error()};
  }

  /// The same with the events of `T` as its structs; see `aggregates::subscribe`.
  template <aggregate T, detail::event_handler_of<T> Handler>
  result<void> visit(Handler handler) const {
    return visit(detail::typed_handler<T, Handler>{std::move(handler)});
  }

private:
  std::shared_ptr<const event_buffer> events_;
  cairn::position position_{};
};

/// How events are delivered to an actor.
struct caf_delivery_options {
  subscription_options events = {}; ///< `on_failure` is not called: `wait` returns the error.

  /// Batches that the actor has been sent and not yet answered, 1 to 65,536: with
  /// `subscription_options::max_batch_events` and `max_batch_bytes` the bound of what waits in its
  /// mailbox. With more than 1 the next batch is read while it handles one.
  std::size_t max_unacknowledged = 2;
};

/// A subscription whose events go to an actor. A handle: closes it when it is destroyed. All
/// functions may be called from any thread.
class [[nodiscard]] caf_subscription {
public:
  /// From `subscribe_actor`.
  explicit caf_subscription(std::shared_ptr<detail::caf_delivery> made) noexcept;
  caf_subscription(caf_subscription&&) noexcept;
  caf_subscription& operator=(caf_subscription&&) noexcept;
  ~caf_subscription();

  /// Ends it: no batch is sent any more once this returns.
  void close() noexcept;

  /// Whether it is still running: neither closed, nor ended by an error, by the actor's end, or by
  /// the runtime's.
  bool active() const noexcept;

  /// The actor has acknowledged every selected event up to this position: where to begin another
  /// time.
  cairn::position position() const noexcept;

  /// Waits until it has ended. Not from an actor that it sends to. Within a function of the
  /// application that Cairn calls (but a visitor) it stops the program. Errors: what ended it:
  /// - `handler_failed`: the actor answered a batch with an error, or has ended; the text is CAF's;
  /// - those of `event_feed::next`, but for `shut_down`, which is no error.
  result<void> wait() const;

private:
  std::shared_ptr<detail::caf_delivery> delivery_;
};

/// Sends the selected events to `to`, those there are and those to come, each once and in the order
/// of positions, as requests with a `caf_events` each. The actor acknowledges a batch by answering:
/// a handler that returns nothing does so by returning, one that is not done yet makes a response
/// promise. Beyond `max_unacknowledged` batches the next is sent only when one is acknowledged, so
/// the mailbox stays bounded however slow the actor is. An answer that is an error ends the
/// subscription.
///
/// It keeps `to` alive, and has one thread. Errors: `invalid_argument` (an option, no actor, a
/// runtime that was not opened by `open_in`), and those of `runtime::follow`.
result<caf_subscription> subscribe_actor(runtime& of, const event_selection& selection,
                                         caf::actor to, const caf_delivery_options& options = {});

} // namespace cairn

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cairn::caf_command)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cairn::caf_reply)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cairn::caf_events)

#if CAF_MAJOR_VERSION >= 1

namespace cairn {

/// For CAF only.
bool from_string(std::string_view name, errc& code) noexcept;
template <class Inspector>
bool inspect(Inspector& f, errc& code) {
  if (f.has_human_readable_format()) {
    return f.apply([&] { return std::string{to_string(code)}; },
                   [&](std::string_view name) { return from_string(name, code); });
  }
  return f.apply([&] { return static_cast<std::uint8_t>(code); },
                 [&](std::uint8_t number) {
                   code = static_cast<errc>(number);
                   return true;
                 });
}

} // namespace cairn

namespace cairn::detail {

/// Cairn's types of messages lie beyond those that an application has, which begins at
/// `caf::first_custom_type_id`, 200.
inline constexpr caf::type_id_t first_caf_type_id = 2'000;

} // namespace cairn::detail

CAF_BEGIN_TYPE_ID_BLOCK(cairn, ::cairn::detail::first_caf_type_id)
CAF_ADD_TYPE_ID(cairn, (cairn::caf_command))
CAF_ADD_TYPE_ID(cairn, (cairn::caf_reply))
CAF_ADD_TYPE_ID(cairn, (cairn::caf_events))
CAF_ADD_TYPE_ID(cairn, (cairn::errc))
CAF_END_TYPE_ID_BLOCK(cairn)

CAF_ERROR_CODE_ENUM(cairn::errc)

#endif
