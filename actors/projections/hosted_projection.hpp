#pragma once

#include "projections/position_waiters.hpp"
#include "projections/projection_worker.hpp"
#include "projections/select_generation.hpp"
#include "support/gate.hpp"
#include "tables/table_folders.hpp"

#include <cairn/projection.hpp>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace cairn::detail {

/// One projection of a runtime: the tables that serve, and, beside them, those of a newer version
/// or generation until they have caught up and take their place.
class hosted_projection final : public projection_host {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// Opens or makes the tables and starts. `root`: the directory of all projections; empty: in
  /// memory. `environment` must live as long. `arm` is called with the deadline of each
  /// `when_visible` that has one. Errors: those of `runtime::project`.
  static result<std::shared_ptr<hosted_projection>>
  open(std::unique_ptr<projection_model> model, const log_reader& log,
       const std::filesystem::path& root, projection_options options,
       const projection_environment& environment, std::function<void(time_point)> arm);
  ~hosted_projection() override { (void)close(); }

  std::string_view name() const noexcept override { return model_->name; }
  result<table_view> read() const override;
  cairn::position position() const noexcept override;
  future<cairn::position> when_visible(cairn::position position, time_point deadline) override;
  projection_status status() const override;
  void pause() override;
  void resume() override;
  result<void> decide(projection_decision::kind what, std::string reason) override;
  result<std::vector<projection_decision>> decisions() const override;
  result<void> rebuild() override;

  const projection_model& model() const noexcept { return *model_; }
  bool is_inline() const noexcept { return options_.mode == projection_mode::before_reply; }

  bool at_capacity() const override;
  bool is_closed() const;

  /// For `before_reply`: replies advance it only once it has caught up. Returns too once it has
  /// stopped or is closed.
  void wait_until_caught_up() const;

  /// Before replies that depend on events up to `position` leave.
  void fold_until(cairn::position position, const appended_events& recent);
  /// Without threads: gives each of its tables that wants one a turn; false: none did.
  bool turn();
  time_point expire(time_point now) { return waiters_.expire(now); }

  /// Ends the threads and flushes. Views may stay: the files are closed with the last of them.
  /// Errors: `storage_full`, `io_failed`, `outcome_unknown`.
  result<void> close();

private:
  using worker_ptr = std::shared_ptr<projection_worker>;

  hosted_projection(std::unique_ptr<projection_model> model, const log_reader& log,
                    std::unique_ptr<table_folders> folders, projection_options options,
                    const projection_environment& environment, std::function<void(time_point)> arm);

  result<void> open_all();
  struct found_tables {
    std::vector<found_generation> found; // newest first
    std::map<table_generation, std::shared_ptr<table_store>> stores;
  };
  result<found_tables> open_found() const;
  result<void> open_selected();
  result<std::shared_ptr<table_store>> open_tables(const table_generation& of) const;
  result<worker_ptr> make_worker(const table_generation& of, std::shared_ptr<table_store> store,
                                 bool follows);
  result<void> begin_build(const table_generation& of, std::shared_ptr<table_store> store);
  result<void> inherit_decisions(const projection_worker& from, projection_worker& into) const;

  void on_progress(projection_worker& worker);
  bool promote_build(projection_worker& built);
  void finish_first_build(projection_worker& serving);
  void remove_old(const table_generation& serving);
  worker_ptr serving() const;
  worker_ptr building() const;
  std::vector<worker_ptr> workers() const;

  const std::unique_ptr<projection_model> model_;
  const log_reader& log_;
  const shard_id shard_; // of that log
  const std::unique_ptr<table_folders> folders_;
  const projection_options options_;
  const projection_environment& environment_;
  const std::function<void(time_point)> arm_;
  position_waiters waiters_;
  mutable gate gate_;   // of all that use the journal, which may go once this is closed
  std::mutex changing_; // which tables serve and which are built; taken before all others

  mutable std::mutex mutex_;
  worker_ptr serving_;  // null: nothing can be read yet
  worker_ptr building_; // null: nothing is being built
  table_generation serving_generation_;
  table_generation building_generation_;
  bool serving_is_live_ = false;
  bool closed_ = false;
};

} // namespace cairn::detail
