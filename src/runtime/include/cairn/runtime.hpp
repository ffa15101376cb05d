#pragma once

#include <cairn/aggregates.hpp>
#include <cairn/detail/event_handler.hpp>
#include <cairn/durable_subscription.hpp>
#include <cairn/lmdb_journal.hpp>
#include <cairn/projection.hpp>
#include <cairn/result.hpp>
#include <cairn/subscription.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace cairn {

namespace detail {
class runtime_core;
}

/// How a runtime is opened. Every queue has a bound; each is set here or in `aggregate_options`.
struct runtime_options {
  /// The journal's directory, created if it does not exist. Empty: the journal is in memory, and
  /// everything is gone when the runtime closes.
  std::filesystem::path directory = {};

  /// Threads that run aggregates; 0: one for each processor, at least 2. The journal's writer has
  /// one of its own.
  std::size_t threads = 0;

  /// Commands and queries accepted and not yet answered, of all aggregates together, in number and
  /// in bytes. Beyond either the caller gets `overloaded` at once.
  std::size_t max_outstanding = 262'144;
  std::size_t max_outstanding_bytes = std::size_t{256} << 20;

  /// Aggregates in memory, in number and in bytes (an estimate: the states, and 768 bytes each).
  /// Beyond either, those unused for longest are passivated; with a quarter and 16 more than the
  /// number, new ones are refused with `overloaded`.
  std::size_t max_resident = 1'000'000;
  std::size_t max_resident_bytes = std::size_t{2} << 30;

  /// Aggregates that are rebuilt from the journal at the same time; 0: half of the threads, at
  /// least 1. The others wait without holding a thread.
  std::size_t max_concurrent_rehydrations = 0;

  /// The journal's own options; `directory` above counts, not the one in here.
  lmdb_journal_options journal{};

  /// The clock of requests' deadlines, of idleness, and of projections' batches, for tests; empty:
  /// `steady_clock`. Waiting for rows (`wait_for`, `visible_in`) and for events
  /// (`event_feed::next`) goes by `steady_clock` always.
  std::function<std::chrono::steady_clock::time_point()> clock = {};
};

/// What a runtime reports about itself.
struct runtime_status {
  journal_status journal;
  std::size_t outstanding = 0; ///< Requests accepted and not yet answered.
  std::size_t outstanding_bytes = 0;
  std::size_t resident = 0;             ///< Aggregates in memory.
  std::size_t resident_bytes = 0;       ///< What they are counted as.
  std::size_t waiting_rehydrations = 0; ///< Aggregates that wait for their turn to be rebuilt.
  std::uint64_t rehydrations = 0;
  std::uint64_t passivations = 0;
  std::uint64_t overloaded = 0; ///< Requests refused because a bound was reached.
  std::uint64_t ignored_snapshots =
      0; ///< Of another schema, or unwritable; damaged ones: see `journal`.
};

/// Aggregates on a journal: what an application opens, once, and closes at its end.
///
/// It opens no port. All functions may be called from any thread.
class runtime {
public:
  /// Errors: `invalid_argument` naming the option, `io_failed` where the machine has no threads to
  /// give (CAF ends the program if they run out while it starts its own), and those of
  /// `open_lmdb_journal`.
  static result<runtime> open(runtime_options options);

  /// Opens the journal in `options.directory` for reading only, beside a process that may be
  /// writing it, and sees what that one has made durable. `history`, `state_at`, `journal` and
  /// subscriptions are as ever; `query` rebuilds the aggregate's durable state in the thread that
  /// asks; `ask` fails with `journal_stopped`. Of the options those of the journal count. Takes no
  /// lock that a writer needs, and no thread but those of subscriptions.
  ///
  /// Errors: `invalid_argument` (an option; also a directory without a name), and those of
  /// `open_lmdb_journal_for_reading`: `not_found` if there is no journal, `already_open` if this
  /// very process has it open.
  static result<runtime> open_for_reading(runtime_options options);

  runtime(runtime&&) noexcept;
  runtime& operator=(runtime&&) noexcept;

  /// Closes as `close` does and drops its error.
  ~runtime();

  /// The aggregates of type `T`. Asking again gives the same aggregates, and the options of the
  /// first time count. Two types with the same `type_name` in one runtime are a bug and stop the
  /// program.
  ///
  /// The schemas of its events and state are compared with those that the journal knows, and
  /// recorded where they are new. Errors, with nothing recorded: `incompatible_schema`, naming type
  /// and field: the program cannot read what the journal holds; the others of
  /// `journal::declare_schemas`, `shut_down` among them.
  template <aggregate T>
  result<aggregates<T>> host(const aggregate_options& options = {}) {
    auto hosted = host(std::make_unique<detail::typed_model<T>>(options));
    if (!hosted)
      return std::move(hosted).error();
    return aggregates<T>{*std::move(hosted)};
  }

  /// Calls `handler` for the selected durable events, those there are and those to come, in the
  /// order of positions, on a thread of the subscription's own. For events as the structs of an
  /// aggregate see `aggregates::subscribe`. Errors: `invalid_argument` (an option, a type or tag
  /// that cannot be one, a start beyond the journal's end), `io_failed`, `corrupt_journal`,
  /// `shut_down`.
  result<subscription> subscribe(const event_selection& selection,
                                 std::function<void(const event_view&)> handler,
                                 const subscription_options& options = {});

  /// The same with a name and a checkpoint that Cairn keeps, in `subscriptions/<name>/` below the
  /// runtime's directory, or in memory if the journal is: a handler that goes on after a restart
  /// where it was, at least once for each event; see `durable_subscription`. A new name begins at
  /// `options.start`. In a runtime for reading, it follows what the other process writes.
  ///
  /// Errors: `invalid_argument` (a name that is not 1 to 64 of a-z 0-9 - _ ., an option, a type or
  /// tag that cannot be one, a start beyond the journal's end, or other events than this name has
  /// followed so far: both are named); `already_open` (this runtime has one of this name);
  /// `locked` (another process has it); `corrupt_journal` (its checkpoint is of another history, or
  /// damaged); `io_failed`, `storage_full`, `shut_down`, and those of `open_lmdb_journal`.
  result<durable_subscription> subscribe_durably(std::string name, const event_selection& selection,
                                                 durable_handler handler,
                                                 const durable_subscription_options& options = {});

  /// The same for the events of the aggregate type `T`, as its structs; `handler` is as for
  /// `aggregates::subscribe`, and may return `result<void>`:
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

  /// The projection `P`, whose tables are in `projections/` below the runtime's directory, or in
  /// memory if that is. Returns once its tables can be read; with `projection_mode::inlined`, once
  /// they have caught up (building them from a large journal takes its time: build them first with
  /// `projection_mode::async`, which keeps the same tables). Asking again gives the same
  /// projection, and the options of the first time count. Two types with the same `name` in one
  /// runtime are a bug and stop the program.
  ///
  /// In a runtime for reading it follows what the other process writes, behind the log only. One
  /// process at a time has a projection; the tables of one that another process has can be read
  /// with `table_store::open_for_reading`.
  ///
  /// Errors: `invalid_argument` (an option); `locked` (another process has it);
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

  /// The journal beneath, for reading. Valid as long as the runtime.
  const cairn::journal& journal() const noexcept;

  runtime_status status() const;

  /// Ends subscriptions and feeds, refuses new requests with `shut_down`, answers every accepted
  /// one, lets the aggregates leave memory, ends the projections, and closes the journal. Not from
  /// a continuation or the handler of a subscription. Errors: those of `journal::close`, and of a
  /// projection whose rows could not be flushed.
  result<void> close();

private:
  friend struct runtime_access;

  explicit runtime(std::unique_ptr<detail::runtime_core> core) noexcept;
  result<std::shared_ptr<detail::aggregate_host>>
  host(std::unique_ptr<detail::aggregate_model> model);
  result<std::shared_ptr<detail::projection_host>>
  project(std::unique_ptr<detail::projection_model> model, projection_options options);

  std::unique_ptr<detail::runtime_core> core_;
};

} // namespace cairn
