#pragma once

#include <cairn/consumer_state.hpp>
#include <cairn/detail/projection_model.hpp>
#include <cairn/detail/user_code.hpp>
#include <cairn/event_info.hpp>
#include <cairn/future.hpp>
#include <cairn/table_store.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cairn {

/// When a projection applies an event. In both modes this process sees the rows at once; they reach
/// the disk later, together with their checkpoint. Rows that a crash loses from memory are rebuilt
/// from the log. Other processes see what is on disk.
enum class projection_mode : std::uint8_t {
  /// On the projection's own thread, in batches, after the events are durable. Commands do not
  /// wait.
  async,
  /// Before the reply to the command leaves: a caller that has the reply sees the row. Falls back
  /// to `async` while the projection is paused, stopped, retrying, waiting for the disk, catching
  /// up or being rebuilt; replies do not wait for it then.
  before_reply,
};

/// How a projection is run. Given to `runtime::project`, which refuses an option outside its range
/// with `invalid_argument` and names both. Times are at most a hundred years, and not negative.
struct projection_options {
  projection_mode mode = projection_mode::async;

  // A batch ends at the end of the log, or at the first of these limits; the numbers are 1 to 2^48.
  std::size_t max_batch_events = 65'536;
  std::size_t max_batch_bytes = std::size_t{16} << 20; ///< Of the rows that it changed.
  std::chrono::milliseconds max_batch_time{10};

  /// Number of threads that apply events: 1 to 64; must be 1 if `mode` is `before_reply`. Streams
  /// run in parallel, each in its own order, and the rows are the same as with one thread: if two
  /// streams touch one row, the batch is redone sequentially, and so are later ones for a while
  /// (see `projection_status`). So handlers must be pure functions of the event and the rows:
  /// several threads call them at once, and the result of a call may be discarded. More threads
  /// help if streams have rows of their own and processors are idle.
  std::size_t threads = 1;

  /// Delay between a row being visible and being on disk. It grows under load so that flushing
  /// takes at most a tenth of the time; the limits are `table_store_options::flush_rows` and its
  /// neighbours.
  std::chrono::milliseconds flush_interval{100};

  /// Beyond this many waiters, `ask` with `visible_in`, and `when_visible`, fail at once with
  /// `overloaded`. Commands accepted earlier may add up to `runtime_options::max_outstanding` more.
  /// At least 1.
  std::size_t max_waiting = 65'536;

  /// Maximum number of attempts to apply an event, at least 1, with exponential back-off from
  /// `initial_backoff` to `max_backoff`. After the last one the projection stops.
  std::uint32_t max_attempts = 6;
  std::chrono::milliseconds initial_backoff{10};
  std::chrono::milliseconds max_backoff{1000};

  /// Called instead of sleeping between two attempts; for tests.
  std::function<void(std::chrono::milliseconds)> pause_between_attempts = {};

  /// Storage of the tables. `directory`, `create`, `shape` and `visibility` are ignored here.
  table_store_options tables{};
};

/// What a projection is doing.
using projection_state = consumer_state;

/// A version of a projection that is being built beside the one that serves.
struct projection_build {
  std::uint32_t version = 0;
  projection_state state = projection_state::catching_up;
  cairn::position position{};
  cairn::position head{}; ///< The log's last position: the build is done when it gets there.
  double rate_per_s = 0;  ///< Events per second.
  /// Remaining time at this rate; empty if it is not known yet.
  std::optional<std::chrono::milliseconds> estimate;
  std::optional<error> last_error;
};

/// What a projection reports about itself.
struct projection_status {
  std::string name;
  std::uint32_t version = 0; ///< Of the tables that serve.
  projection_mode mode = projection_mode::async;
  projection_state state = projection_state::catching_up;
  cairn::position position{}; ///< Events up to here are in the rows that readers see.
  cairn::position head{};     ///< The log's last position.
  std::uint64_t lag_events = 0;
  std::chrono::milliseconds lag{0}; ///< Age of the oldest event that is not in the rows.
  double rate_per_s = 0;            ///< Events per second, over the last seconds of work.
  /// The last error. If an event stopped the projection, it carries that event's position.
  std::optional<error> last_error;
  std::uint32_t attempts = 0; ///< To apply that event, so far.
  /// Events applied in parallel since the projection was opened.
  std::uint64_t parallel_events = 0;
  /// Parallel batches redone sequentially: two streams touched one row, or an event failed.
  std::uint64_t parallel_retries = 0;
  table_store_status tables;
  std::optional<projection_build> build;
};

class projection_ref;

namespace detail {

/// A projection in a runtime, as the typed handle sees it. Safe from any thread.
class projection_host {
public:
  virtual ~projection_host() = default;

  virtual std::string_view name() const noexcept = 0;
  virtual result<table_view> read() const = 0;
  virtual cairn::position position() const noexcept = 0;
  virtual future<cairn::position> when_visible(cairn::position position,
                                               std::chrono::steady_clock::time_point deadline) = 0;
  /// True if `max_waiting` callers are waiting.
  virtual bool at_capacity() const = 0;
  virtual projection_status status() const = 0;
  virtual void pause() = 0;
  virtual void resume() = 0;
  virtual result<void> decide(projection_decision::kind what, std::string reason) = 0;
  virtual result<std::vector<projection_decision>> decisions() const = 0;
  virtual result<void> rebuild() = 0;
};

/// `when_visible` for the reply to an accepted command: not subject to `max_waiting`.
future<cairn::position> await_rows_of_reply(const projection_ref& projection,
                                            cairn::position position,
                                            std::chrono::steady_clock::time_point deadline);

} // namespace detail

/// A projection without its type, as `ask_options::visible_in` names it.
class projection_ref {
public:
  explicit projection_ref(std::shared_ptr<detail::projection_host> host) noexcept
    : host_{std::move(host)} {}

  /// Completes once the events up to `position` are in the rows that `read` shows, with the
  /// position reached in its shard. Errors: `invalid_argument` (a shard that the journal does not
  /// have), `deadline_exceeded`, `projection_stopped`, `overloaded`
  /// (`max_waiting` callers are waiting), `shut_down`.
  future<cairn::position> when_visible(cairn::position position,
                                       std::chrono::steady_clock::time_point deadline =
                                           std::chrono::steady_clock::time_point::max()) const {
    if (at_capacity())
      return future<cairn::position>::settled(
          error{errc::overloaded, "too many callers wait for the projection"});
    return host_->when_visible(position, deadline);
  }

  /// Blocks until `when_visible` completes. It may wait where `future::get` may, and elsewhere
  /// stops the program. In the handler of a subscription give it a deadline: closing the runtime
  /// waits for the handler, and rows do not come while the projection is paused or has stopped.
  /// Errors: those of `when_visible`.
  result<void> wait_for(cairn::position position,
                        std::chrono::steady_clock::time_point deadline =
                            std::chrono::steady_clock::time_point::max()) const {
    detail::forbid_within(detail::hold_up_replies, "projection::wait_for");
    auto reached = when_visible(position, deadline).get();
    if (!reached)
      return std::move(reached).error();
    return {};
  }

  /// Valid as long as this handle.
  std::string_view name() const noexcept { return host_->name(); }

  /// Events up to here are in the rows that `read` shows.
  cairn::position position() const noexcept { return host_->position(); }

  /// True if `projection_options::max_waiting` callers are waiting.
  bool at_capacity() const { return host_->at_capacity(); }

  /// Not by the clock, which it asks: that stops the program.
  projection_status status() const {
    detail::forbid_within(detail::ask_the_clock, "projection::status");
    return host_->status();
  }

  // These wait for the running batch, or for the change to other tables: `pause`, `resume`, the
  // decisions and `rebuild`. Within the handler of a projection, in the clock and in the log sink
  // they stop the program. Elsewhere they may be called, in continuations and decide, too.

  /// Applies no events after the current batch, until `resume`. A restart ends the pause.
  void pause() const {
    detail::forbid_within(detail::hold_up_projections, "projection::pause");
    host_->pause();
  }
  void resume() const {
    detail::forbid_within(detail::hold_up_projections, "projection::resume");
    host_->resume();
  }

  // Decisions about the event at which the projection has stopped. Each is recorded durably, with
  // the time and `reason`, before it takes effect, and also holds for tables that are being
  // rebuilt. If a rebuild has passed that event already, the decision applies to the event at which
  // the rebuild has stopped. Each call waits for the running batch. Errors: `not_found` (the
  // projection has not stopped at an event), `storage_full`, `io_failed`, `outcome_unknown`,
  // `shut_down`.

  /// Tries the event again, with the full number of attempts.
  result<void> retry(std::string reason) const {
    detail::forbid_within(detail::hold_up_projections, "projection::retry");
    return host_->decide(projection_decision::kind::retry, std::move(reason));
  }
  /// Continues after the event and lists it under `parked`.
  result<void> park(std::string reason) const {
    detail::forbid_within(detail::hold_up_projections, "projection::park");
    return host_->decide(projection_decision::kind::park, std::move(reason));
  }
  /// Continues after the event.
  result<void> skip(std::string reason) const {
    detail::forbid_within(detail::hold_up_projections, "projection::skip");
    return host_->decide(projection_decision::kind::skip, std::move(reason));
  }

  /// All decisions, oldest first. Errors: those of `table_store::decisions`.
  result<std::vector<projection_decision>> decisions() const { return host_->decisions(); }

  /// The decisions that parked an event, oldest first. Errors: those of `decisions`.
  result<std::vector<projection_decision>> parked() const;

  /// Builds new tables from the log while the old ones keep serving, and replaces them when the new
  /// ones have caught up. Returns when the build has begun; `status().build` shows its progress. A
  /// restart continues it. Events that were parked or skipped stay so. Errors: `invalid_argument`
  /// (a build is running already), and those of opening tables.
  result<void> rebuild() const {
    detail::forbid_within(detail::hold_up_projections, "projection::rebuild");
    return host_->rebuild();
  }

protected:
  friend future<cairn::position>
  detail::await_rows_of_reply(const projection_ref& projection, cairn::position position,
                              std::chrono::steady_clock::time_point deadline);

  std::shared_ptr<detail::projection_host> host_;
};

/// A handle for a projection in a runtime: cheap to copy, safe from any thread. It may outlive the
/// runtime; then every call fails with `shut_down`.
template <projection_definition P>
class projection : public projection_ref {
public:
  using projection_ref::projection_ref;

  /// The rows of its tables, all as of one position. While a raised version is being built, this
  /// reads the previous version's rows, which are no longer updated, if both have the same keys and
  /// rows; otherwise the new version's rows as far as they are built. Errors: `overloaded` (as many
  /// views are kept as `table_store_options::max_readers` allows), `shut_down`, `io_failed`,
  /// `corrupt_journal`.
  result<table_view> read() const { return host_->read(); }
};

} // namespace cairn
