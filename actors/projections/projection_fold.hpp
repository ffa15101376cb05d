#pragma once

#include "projections/fold_driving.hpp"
#include "projections/fold_lanes.hpp"

#include <cairn/event_buffer.hpp>
#include <cairn/journal.hpp>
#include <cairn/projection.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace cairn::detail {

/// The event that could not be applied.
struct failed_event {
  std::uint64_t position = 0;
  std::uint64_t version = 0;
  std::uint64_t type = 0;
  std::string stream;
  error why;
};

/// Folds the log into a store of tables, batch by batch, each event once. One thread at a time.
class projection_fold {
public:
  projection_fold(const projection_model& model, const log_reader& log,
                  std::shared_ptr<table_store> store, const projection_options& options,
                  const fold_driving& driving)
    : model_{model}, log_{log}, store_{std::move(store)}, options_{options}, driving_{driving},
      lanes_{options_, driving} {}

  /// The threads that fold beside the caller's, if the options want any. Errors: `io_failed`.
  result<void> start_threads() { return lanes_.start(); }
  /// While nobody is in `advance`.
  void stop_threads() { lanes_.stop(); }

  /// How a batch ended. Events before the one that failed are in the rows.
  struct outcome {
    std::uint64_t events = 0; ///< Taken in.
    std::optional<failed_event> failed;
    std::optional<error>
        broken; ///< The journal's or the store's failure; the batch may be unfinished.
  };

  /// Takes in the events after the rows' position up to `last`, as many as one batch takes; ends
  /// early once `interrupt` is set.
  outcome advance(std::uint64_t last, const std::atomic<bool>& interrupt);

  /// The event there is not to be applied, because a decision says so.
  void pass_over(std::uint64_t position) { passed_over_.insert(position); }

  /// The position of the last event taken in: its rows may wait for the store to take them.
  std::uint64_t reached() const noexcept {
    return unpublished_ ? unpublished_->position : store_->position();
  }

  /// The checkpoint behind the event at `position`.
  table_checkpoint checkpoint_at(std::uint64_t position) const;

  /// Whether the rows were folded from this journal. Errors: `corrupt_journal` if not.
  result<void> check_history() const;

  const fold_lanes& lanes() const noexcept { return lanes_; }
  table_store& store() const noexcept { return *store_; }

private:
  struct batch;

  std::optional<error> project(row_sink& into, const event_view& event) const;
  std::optional<error> try_apply(const event_view& event);
  bool copy_events(std::uint64_t first, std::uint64_t last, batch& into);
  bool fold_copies_in_lanes(batch& into, const std::atomic<bool>& interrupt);
  template <class IsFull>
  bool apply_copies(std::uint64_t last, batch& into, const IsFull& is_full);

  const projection_model& model_;
  const log_reader& log_;
  std::shared_ptr<table_store> store_;
  const projection_options options_;
  const fold_driving& driving_;
  fold_lanes lanes_;
  std::set<std::uint64_t> passed_over_;
  event_buffer copies_; // handlers may be slow, and no replay of the log waits for them
  std::optional<table_checkpoint> unpublished_; // of a batch that the store could not take yet
};

} // namespace cairn::detail
