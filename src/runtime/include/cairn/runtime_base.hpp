#pragma once

#include <cairn/detail/event_handler.hpp>
#include <cairn/detail/host.hpp>
#include <cairn/durable_subscription.hpp>
#include <cairn/journal.hpp>
#include <cairn/projection.hpp>
#include <cairn/result.hpp>
#include <cairn/subscription.hpp>

#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace cairn {

namespace detail {
class runtime_core;
}

/// What `runtime` and `reading_runtime` have in common: subscriptions, projections, the journal,
/// and closing. All functions may be called from any thread.
class runtime_base {
public:
  /// Calls `handler` for the selected durable events, past and live, in the order of positions, on
  /// a thread of the subscription's own. `aggregate_reader::subscribe` gives events as the structs
  /// of an aggregate. Errors: `invalid_argument` (an option, a type or tag that cannot be one, a
  /// start beyond the journal's end or in another shard), `io_failed`, `corrupt_journal`,
  /// `shut_down`.
  result<subscription> subscribe(const event_selection& selection,
                                 std::function<void(const event_view&)> handler,
                                 const subscription_options& options = {});

  /// The same with a name and a checkpoint that Cairn keeps, in `subscriptions/<name>/` below the
  /// journal's directory, or in memory if the journal is: after a restart the handler continues
  /// where it was, and gets each event at least once; see `durable_subscription`. A new name begins
  /// at `options.start`. In a `reading_runtime` it follows what the other process writes.
  ///
  /// Errors: `invalid_argument` (a name that is not 1 to 64 of a-z 0-9 - _ ., an option, a type or
  /// tag that cannot be one, a start beyond the journal's end or in another shard, or other events
  /// than this name has followed so far: both are named); `already_open` (this runtime has one of
  /// this name);
  /// `locked` (another process has it); `corrupt_journal` (its checkpoint is of another history, or
  /// damaged); `io_failed`, `storage_full`, `shut_down`, and those of `open_lmdb_journal`.
  result<durable_subscription> subscribe_durably(std::string name, const event_selection& selection,
                                                 durable_handler handler,
                                                 const durable_subscription_options& options = {});

  /// The same for the events of the aggregate type `T`, as its structs. `handler` is as for
  /// `aggregate_reader::subscribe`, and may return `result<void>`:
  /// `runtime.subscribe_durably<shopping_cart>("mailer", handler)`.
  template <aggregate T, detail::event_handler_of<T> Handler>
  result<durable_subscription> subscribe_durably(std::string name, Handler handler,
                                                 const durable_subscription_options& options = {}) {
    return subscribe_durably(
        std::move(name), event_selection::of_type(std::string{T::type_name}),
        [typed = detail::typed_handler<T, Handler>{std::move(handler)}](
            const event_view& event) mutable { return typed.handle(event); },
        options);
  }

  /// The same by pull: the caller asks for the events, batch by batch.
  result<event_feed> follow(const event_selection& selection,
                            const subscription_options& options = {});

  /// The projection `P`. Its tables are in `projections/` below the journal's directory, or in
  /// memory if the journal is. Returns once the tables can be read; with
  /// `projection_mode::before_reply`, once they have caught up (if that takes long because the
  /// journal is large, build them first with `projection_mode::async`, which keeps the same
  /// tables). A second call gives the same projection and ignores its options. Two types with the
  /// same `name` in one runtime are a bug and stop the program.
  ///
  /// One process at a time has a projection, a `reading_runtime` too; others can read its tables
  /// with `table_store::open_for_reading`.
  ///
  /// Within the handler of a projection, in the clock and in the log sink it stops the program.
  ///
  /// Errors: `invalid_argument` (an option; `before_reply` in a `reading_runtime`, which gives no
  /// replies); `locked` (another process has it);
  /// `incompatible_schema` (a row's struct is not what the journal knows under its id; see
  /// `journal::declare_schemas`, whose other errors come, too); `incompatible_format` (the tables
  /// on disk have other keys or rows: raise the version); `corrupt_journal` (they were folded from
  /// another history, or are damaged); `shut_down`; and those of `open_lmdb_journal`.
  template <projection_definition P>
  result<projection<P>> project(projection_options options = {}) {
    auto opened = project(std::make_unique<detail::typed_projection<P>>(), std::move(options));
    if (!opened)
      return std::move(opened).error();
    return projection<P>{*std::move(opened)};
  }

  /// The journal beneath, for reading. Valid as long as the runtime, also once it is closed.
  const cairn::journal& journal() const noexcept;

  /// Ends subscriptions and feeds, refuses new requests with `shut_down`, answers every accepted
  /// one, lets the aggregates leave memory, ends the projections, and closes the journal. Within a
  /// function of the application that Cairn calls (a handler, a continuation, decide, ...; not a
  /// visitor) it stops the program: it would wait for its caller. So do the destructor and the
  /// assignment, which close. Errors: those of `journal::close`, and of a projection whose rows
  /// could not be flushed.
  result<void> close();

  runtime_base(const runtime_base&) = delete;
  runtime_base& operator=(const runtime_base&) = delete;

protected:
  explicit runtime_base(std::unique_ptr<detail::runtime_core> core) noexcept;
  runtime_base(runtime_base&&) noexcept;
  /// Closes what was there before.
  runtime_base& operator=(runtime_base&&) noexcept;
  /// Closes as `close` does and drops its error.
  ~runtime_base();

  result<std::shared_ptr<detail::aggregate_host>>
  host(std::unique_ptr<detail::aggregate_model> model);
  detail::runtime_core& core() const noexcept { return *core_; }

private:
  result<std::shared_ptr<detail::projection_host>>
  project(std::unique_ptr<detail::projection_model> model, projection_options options);

  std::unique_ptr<detail::runtime_core> core_;
};

} // namespace cairn
