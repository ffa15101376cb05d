#pragma once

#include "consumers/consumer.hpp"
#include "consumers/row_flusher.hpp"
#include "projections/projection_environment.hpp"
#include "projections/projection_target.hpp"

#include <cairn/journal.hpp>
#include <cairn/projection.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>

namespace cairn::detail {

/// One set of tables of a projection, and the consumer that brings the log's events into them.
class projection_worker {
public:
  /// See `consumer`.
  using listener = std::function<void(projection_worker&)>;

  /// `follows` false: of an older version, whose rows stay as they are. `log` and `environment`
  /// must outlive this.
  projection_worker(const projection_model& model, const log_reader& log,
                    std::shared_ptr<table_store> store, std::uint32_t version,
                    const projection_options& options, bool follows,
                    const projection_environment& environment, listener on_progress);
  ~projection_worker() { stop(); }
  projection_worker(const projection_worker&) = delete;
  projection_worker& operator=(const projection_worker&) = delete;

  /// Errors: `corrupt_journal` if the rows were folded from another journal.
  result<void> check_history() const;

  /// With threads if it is driven by them. Errors: `io_failed`.
  result<void> start();
  /// Without threads: one turn of the consumer, and of writing to disk.
  void turn();
  /// Tells the threads to end; from any thread.
  void retire();
  /// Ends the threads after the current batch. Not from within the listener.
  void stop();

  consumer& machine() noexcept { return consumer_; }
  const consumer& machine() const noexcept { return consumer_; }
  table_store& store() const noexcept { return target_.store(); }
  std::uint32_t version() const noexcept { return version_; }
  cairn::position position() const noexcept { return target_.position(); }

  /// What those who wait for its rows are told: `projection_stopped`, with the event's position.
  std::optional<error> stopped() const;

  void add_to(projection_status& status) const;

private:
  const projection_model& model_;
  const std::uint32_t version_;
  const projection_environment& environment_;
  const bool follows_;
  projection_target target_;
  row_flusher flusher_;
  consumer consumer_;
};

} // namespace cairn::detail
