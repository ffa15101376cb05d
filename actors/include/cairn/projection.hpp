#pragma once

#include <cairn/consumer_state.hpp>
#include <cairn/detail/projection_model.hpp>
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

/// When a projection takes an event in. In both modes rows are visible in this process at once, and
/// reach the disk behind, together with their checkpoint: what a crash takes from memory is folded
/// again. Other processes see what is on disk.
enum class projection_mode : std::uint8_t {
  /// Behind the log, on a thread of the projection's own, in batches. Commands do not wait for it.
  async,
  /// Before the reply to the command leaves: whoever got the reply sees the row. Not while it is
  /// paused, has stopped, tries an event again or waits for a disk, nor until it has caught up
  /// after that, nor while a raised version is built: then replies do not wait for it, and it takes
  /// the events in behind, as `async` does.
  inlined,
};

/// How a projection is run. Given to `runtime::project`.
struct projection_options {
  projection_mode mode = projection_mode::async;

  // A batch ends at the log's end, or at the first of these.
  std::size_t max_batch_events = 65'536;
  std::size_t max_batch_bytes = std::size_t{16} << 20; ///< Of rows that it has changed.
  std::chrono::milliseconds max_batch_time{10};

  /// So many threads (1 to 64; only 1 if `inlined`) fold events of different streams at the same
  /// time, those of a stream in their order. The rows are the same as with one: where streams share
  /// rows, a round of events is folded again, one after another, and so are then all for a while
  /// (see `projection_status`). Handlers must then be pure in the event and the rows: several
  /// threads call them at once, now and then in vain and with the rows of streams that lag behind
  /// each other; what comes of that is thrown away. It pays where streams have rows of their own
  /// and a processor is free. Each thread takes one of `tables.max_readers`.
  std::size_t folding_threads = 1;

  /// Rows reach the disk so long after they became visible, while that takes less than a tenth of
  /// the time; under more load later, as `table_store_options::flush_rows` and its neighbours say.
  std::chrono::milliseconds flush_interval{100};

  /// While so many wait for it, `ask` with `visible_in`, and `when_visible`, fail at once with
  /// `overloaded`. Commands that were let in before that may still come to wait: at most
  /// `runtime_options::max_outstanding` more.
  std::size_t max_waiting = 65'536;

  /// An event that cannot be applied is tried so many times in all, with pauses between that begin
  /// with `first_pause` and double up to `longest_pause`. Then the projection stops.
  std::uint32_t attempts = 6;
  std::chrono::milliseconds first_pause{10};
  std::chrono::milliseconds longest_pause{1000};

  /// Makes these pauses instead of the projection, for tests.
  std::function<void(std::chrono::milliseconds)> pause_between_attempts = {};

  /// Of the tables; `directory`, `create`, `shape` and `visibility` do not count.
  table_store_options tables{};
};

/// What a projection is doing.
using projection_state = consumer_state;

/// A version of a projection that is being built beside the one that serves.
struct projection_build {
  std::uint32_t version = 0;
  projection_state state = projection_state::catching_up;
  std::uint64_t position = 0;
  std::uint64_t head = 0; ///< Of the log, where it has to get to.
  double rate_per_s = 0;  ///< Events.
  /// Time that is left at this rate; empty: not known yet.
  std::optional<std::chrono::milliseconds> estimate;
  std::optional<error> last_error;
};

/// What a projection reports about itself.
struct projection_status {
  std::string name;
  std::uint32_t version = 0; ///< Of the tables that serve.
  projection_mode mode = projection_mode::async;
  projection_state state = projection_state::catching_up;
  std::uint64_t position = 0; ///< Events up to here are in the rows that readers see.
  std::uint64_t head = 0;     ///< Of the log.
  std::uint64_t lag_events = 0;
  std::chrono::milliseconds lag{0}; ///< Age of the oldest event that is not in the rows.
  double rate_per_s = 0;            ///< Events, over the last seconds of work.
  std::optional<error>
      last_error;             ///< The last one; of an event that stopped it, with its position.
  std::uint32_t attempts = 0; ///< Made with that event.
  /// Of those in the rows, folded by `folding_threads` at the same time since it was opened.
  std::uint64_t events_in_lanes = 0;
  /// How often that was in vain, because threads met at a row or an event could not be applied.
  std::uint64_t rounds_again = 0;
  table_store_status tables;
  std::optional<projection_build> build;
};

class projection_ref;

namespace detail {

/// A projection in a runtime, as the typed handle sees it. Any thread.
class projection_host {
public:
  virtual ~projection_host() = default;

  virtual std::string_view name() const noexcept = 0;
  virtual result<table_view> read() const = 0;
  virtual std::uint64_t position() const noexcept = 0;
  virtual future<std::uint64_t> when_visible(std::uint64_t position,
                                             std::chrono::steady_clock::time_point deadline) = 0;
  /// Whether as many wait as may.
  virtual bool is_crowded() const = 0;
  virtual projection_status status() const = 0;
  virtual void pause() = 0;
  virtual void resume() = 0;
  virtual result<void> decide(projection_decision::kind what, std::string reason) = 0;
  virtual result<std::vector<projection_decision>> decisions() const = 0;
  virtual result<void> rebuild() = 0;
};

/// `when_visible` for a reply that was let in before; without the bound.
future<std::uint64_t> await_rows_of_reply(const projection_ref& projection, std::uint64_t position,
                                          std::chrono::steady_clock::time_point deadline);

} // namespace detail

/// A projection whose type is not of interest: what `ask_options::visible_in` names.
class projection_ref {
public:
  explicit projection_ref(std::shared_ptr<detail::projection_host> host) noexcept
    : host_{std::move(host)} {}

  /// Calls back once the events up to `position` are in the rows that `read` shows. Brings the
  /// position that has been reached. Errors: `deadline_exceeded`, `projection_stopped`,
  /// `overloaded` (too many wait), `shut_down`.
  future<std::uint64_t> when_visible(std::uint64_t position,
                                     std::chrono::steady_clock::time_point deadline =
                                         std::chrono::steady_clock::time_point::max()) const {
    if (is_crowded())
      return future<std::uint64_t>::settled(
          error{errc::overloaded, "too many wait for a projection"});
    return host_->when_visible(position, deadline);
  }

  /// Blocks until then. Not from a handler or a continuation. Errors: as for `when_visible`.
  result<void> wait_for(std::uint64_t position,
                        std::chrono::steady_clock::time_point deadline =
                            std::chrono::steady_clock::time_point::max()) const {
    auto reached = when_visible(position, deadline).get();
    if (!reached)
      return std::move(reached).error();
    return {};
  }

  /// Lives as long as this.
  std::string_view name() const noexcept { return host_->name(); }

  /// Events up to here are in the rows that `read` shows.
  std::uint64_t position() const noexcept { return host_->position(); }

  /// Whether as many wait for it as may (`projection_options::max_waiting`).
  bool is_crowded() const { return host_->is_crowded(); }

  projection_status status() const { return host_->status(); }

  /// Stops taking events in after the current batch, until `resume`. Not remembered over a restart.
  void pause() const { host_->pause(); }
  void resume() const { host_->resume(); }

  // Decisions about the event that it has stopped at. Each is recorded durably, with the time and
  // `reason`, before it takes effect, and holds for tables that are being rebuilt, too. If these
  // have got past the event already, they are going to take the place of those that have stopped,
  // and the decision is about where they have stopped themselves. Each waits for the batches that
  // are running. Errors: `not_found` (it has not stopped at an event), `storage_full`, `io_failed`,
  // `outcome_unknown`, `shut_down`.

  /// Tries the event again, as often as at first.
  result<void> retry(std::string reason) const {
    return host_->decide(projection_decision::kind::retry, std::move(reason));
  }
  /// Goes on behind the event and keeps it on the list of those to be looked after (`parked`).
  result<void> park(std::string reason) const {
    return host_->decide(projection_decision::kind::park, std::move(reason));
  }
  /// Goes on behind the event.
  result<void> skip(std::string reason) const {
    return host_->decide(projection_decision::kind::skip, std::move(reason));
  }

  /// All decisions, oldest first. Errors: those of `table_store::decisions`.
  result<std::vector<projection_decision>> decisions() const { return host_->decisions(); }

  /// Those that parked an event.
  result<std::vector<projection_decision>> parked() const;

  /// Builds the tables anew beside those that serve, which go on, and puts them in their place once
  /// they have caught up. Returns when it has begun; `status().build` shows how far it is. Survives
  /// a restart. What was parked or skipped stays so. Errors: `invalid_argument` (a build is under
  /// way already), and those of opening tables.
  result<void> rebuild() const { return host_->rebuild(); }

protected:
  friend future<std::uint64_t>
  detail::await_rows_of_reply(const projection_ref& projection, std::uint64_t position,
                              std::chrono::steady_clock::time_point deadline);

  std::shared_ptr<detail::projection_host> host_;
};

/// A projection in a runtime: a handle, cheap to copy, usable from any thread. It may outlive the
/// runtime; then everything fails with `shut_down`.
template <projection_definition P>
class projection : public projection_ref {
public:
  using projection_ref::projection_ref;

  /// The rows of its tables, all as of one position. While a raised version is built, those of the
  /// version before, as they were left, if they have the same keys and rows; otherwise those of the
  /// new one as they come. Errors: `shut_down`, `io_failed`, `corrupt_journal`.
  result<table_view> read() const { return host_->read(); }
};

} // namespace cairn
