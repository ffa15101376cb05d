#pragma once

#include "aggregates/commit_listener.hpp"
#include "projections/hosted_projection.hpp"

#include <condition_variable>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace cairn::detail {

/// The projections of one runtime. Any thread.
class projection_set final : public commit_listener {
public:
  /// `root`: the directory of all of them; empty: in memory. `log` must outlive `close`.
  projection_set(const log_reader& log, std::filesystem::path root,
                 projection_environment environment = {})
    : log_{log}, root_{std::move(root)}, environment_{std::move(environment)} {}
  ~projection_set() { (void)close(); }
  projection_set(const projection_set&) = delete;
  projection_set& operator=(const projection_set&) = delete;

  /// See `runtime::project`.
  result<std::shared_ptr<projection_host>> project(std::unique_ptr<projection_model> model,
                                                   projection_options options);

  void before_replies(cairn::position position,
                      std::span<const std::unique_ptr<append_operation>> appends) noexcept override;

  /// Without threads: gives each of them that wants one a turn; false: none did.
  bool turn();

  /// Errors: the first of `hosted_projection::close`.
  result<void> close();

private:
  using time_point = std::chrono::steady_clock::time_point;
  using hosted_ptr = std::shared_ptr<hosted_projection>;

  result<hosted_ptr> find_or_open(std::unique_ptr<projection_model> model,
                                  projection_options options);
  void arm(time_point deadline);
  void watch_deadlines();
  std::vector<hosted_ptr> all() const;

  const log_reader& log_;
  const std::filesystem::path root_;
  const projection_environment environment_;

  std::mutex opening_; // taken before mutex_
  mutable std::mutex mutex_;
  std::map<std::string, hosted_ptr, std::less<>> projections_;
  std::shared_ptr<const std::vector<hosted_ptr>> inline_; // replaced, never changed
  std::atomic<bool> any_inline_ = false;
  appended_events recent_; // within `before_replies`
  bool closed_ = false;

  // Deadlines of those who wait, for all projections; one may be stuck in its handler.
  std::condition_variable armed_;
  time_point next_deadline_ = time_point::max();
  std::thread watch_;
};

} // namespace cairn::detail
