#pragma once

#include "aggregates/engine.hpp"
#include "aggregates/reading_hosts.hpp"
#include "projections/projection_set.hpp"
#include "scheduling/executor.hpp"
#include "subscriptions/durable_set.hpp"
#include "subscriptions/subscription_hub.hpp"
#include "support/logger.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace cairn::detail {

/// What a runtime is made of, and the one place that knows in which order that ends.
///
/// The order matters because each part may be waiting for the next: a subscription's handler for
/// the answer to a command, an answer for the journal and for the rows of an inline projection, an
/// aggregate for a thread. So closing is a sequence of steps, and each begins when what the one
/// before has set off is over. `close` takes them all and waits in between. Who gives all turns in
/// one thread (a simulation, a test) must not wait, and takes the same steps one at a time.
///
/// All functions but those for single steps may be called from any thread.
class runtime_core {
public:
  struct setup {
    /// Where aggregates get their turns; null: the journal is open for reading only, and there are
    /// `reading_hosts` in place of an engine. Stopped in the last step of closing.
    std::shared_ptr<executor> runs_on = {};

    engine_options engine = {}; ///< For reading its clock counts, as that of queries' deadlines.
    std::filesystem::path projections = {};   ///< The directory of their tables; empty: in memory.
    std::filesystem::path subscriptions = {}; ///< Of checkpoints of durable ones; empty: in memory.
    projection_environment environment = {};
    std::shared_ptr<logger> log = {}; ///< What the application is told goes here; null: nowhere.
  };

  /// On a journal of its own, which closing closes.
  runtime_core(std::unique_ptr<cairn::journal> events, setup with);

  /// On somebody else's journal, which stays open and must live until this is closed.
  runtime_core(cairn::journal& events, setup with);

  /// Closes, if that has not been done, and drops the error.
  ~runtime_core();
  runtime_core(const runtime_core&) = delete;
  runtime_core& operator=(const runtime_core&) = delete;

  /// `engine::host`, or `reading_hosts::host`.
  result<std::shared_ptr<aggregate_host>> host(std::unique_ptr<aggregate_model> model);

  /// Declares the schemas of its rows, and opens it. Errors: those of `journal::declare_schemas`
  /// and `projection_set::project`; `invalid_argument` if it is to be inline into replies that a
  /// runtime for reading does not give.
  result<std::shared_ptr<projection_host>> project(std::unique_ptr<projection_model> model,
                                                   projection_options options);

  // The parts. They live as long as this, closed or not.
  cairn::journal& journal() noexcept { return journal_; }
  subscription_hub& subscriptions() noexcept { return *subscriptions_; }
  durable_set& durable_subscriptions() noexcept { return durable_subscriptions_; }
  projection_set& projections() noexcept { return projections_; }
  detail::engine* engine() noexcept { return engine_.get(); } ///< Null: for reading only.
  /// Entries of the log that the sink has failed to take.
  std::uint64_t log_failures() const noexcept { return log_ ? log_->failures() : 0; }

  /// Takes all steps, and waits until each is over. A second call, at the same time too, returns
  /// once it is closed. Errors, of the first call, after everything has been closed all the same:
  /// those of `journal::close`, and of a projection whose rows could not be flushed.
  result<void> close();

  /// Opens a journal that has stopped again, in place: takes all steps of that, and waits until
  /// each is over. If the journal has not stopped, and the last call has not failed, does nothing.
  /// When it has failed, new requests are refused with `journal_stopped`, and it may be called
  /// again. Errors: those of `journal::reopen` and `journal::declare_schemas`; `shut_down`.
  result<void> reopen();

  /// What opening the journal again does, in this order. It is like closing, but that what an
  /// application holds stays what it is.
  enum class reopening : std::uint8_t {
    suspend_requests, ///< New ones. Over when all that were accepted are answered.
    empty_memory,     ///< Of aggregates: what they are, the file says. Over when all have left.
    open_journal,     ///< And declare the schemas again. If that fails, it is all to do again.
    none,             ///< Not begun, or done.
  };

  /// What closing does, in this order.
  enum class step : std::uint8_t {
    end_subscriptions, ///< And feeds. Waits for handlers that are running; checkpoints are written.
    refuse_requests,   ///< New ones. Over when all that were accepted are answered.
    empty_memory,      ///< Of aggregates. Over when all have left.
    close_projections, ///< Their rows are flushed; replies that wait for rows are given up.
    close_journal,
    stop_executor, ///< Ends the threads that belong to it, if any do.
    none,          ///< Closed.
  };

  // For who gives all turns, in place of `reopen`.

  void begin_reopening() noexcept { reopening_ = reopening::suspend_requests; }
  reopening next_reopening() const noexcept { return reopening_; }
  bool reopening_is_over() const noexcept;
  /// Errors: those of `reopen`; of the last step only.
  result<void> take_reopening();

  // For who gives all turns, in place of `close`.

  /// The step to be taken next.
  step next_step() const noexcept { return next_; }
  /// Whether what the last step has set off is over, so that the next may be taken.
  bool step_is_over() const noexcept;
  void take_step();
  bool is_closed() const noexcept { return next_ == step::none; }

private:
  runtime_core(cairn::journal& events, std::unique_ptr<cairn::journal> owned, setup with);

  result<void> open_journal_again();
  void log(log_level level, const char* name, log_field field) const noexcept;
  void do_step();
  result<void> do_reopening();
  void wait_for_step();
  void wait_for_reopening();
  void note(result<void> outcome);

  const std::shared_ptr<logger> log_;           // null: nobody listens
  const std::unique_ptr<cairn::journal> owned_; // null: somebody else's
  cairn::journal& journal_;
  const std::shared_ptr<subscription_hub> subscriptions_;
  durable_set durable_subscriptions_;
  projection_set projections_;
  std::shared_ptr<executor> executor_;
  std::shared_ptr<detail::engine> engine_;
  std::optional<reading_hosts> reading_; // empty: there is an engine

  std::mutex declaring_;
  std::vector<schema_declaration> declared_; // of projections

  std::mutex closing_; // held while closing, so that everyone who closes waits for the end of it
  reopening reopening_ = reopening::none;
  bool must_reopen_ = false; // it has failed
  step next_ = step::end_subscriptions;
  result<void> outcome_;
};

} // namespace cairn::detail
