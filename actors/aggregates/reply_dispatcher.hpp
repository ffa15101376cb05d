#pragma once

#include "scheduling/executor.hpp"

#include <cairn/journal.hpp>

#include <memory>
#include <mutex>
#include <vector>

namespace cairn::detail {

class engine;

/// Hands out the answers of finished appends, so that the journal's writer goes on to the next
/// commit meanwhile: one wake-up for each commit, however many answers it brings.
class reply_dispatcher final : public runner, public append_listener {
public:
  explicit reply_dispatcher(engine& owner) noexcept : engine_{owner} {}

  void start(std::unique_ptr<executor::waker> self) { self_ = std::move(self); }

  void on_completed(std::vector<std::unique_ptr<append_operation>> operations) noexcept override;

  bool run() noexcept override;

  /// Lets its actor end at the next wake-up, once nothing is left.
  void stop() noexcept;

private:
  void tell(const std::vector<std::unique_ptr<append_operation>>& finished) noexcept;
  void log_failed_commit(const std::vector<std::unique_ptr<append_operation>>& finished) noexcept;

  engine& engine_;
  std::unique_ptr<executor::waker> self_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<append_operation>> finished_;
  bool woken_ = false;
  bool stopped_ = false;
  bool commit_failure_is_logged_ = false; // touched in its turns only
};

} // namespace cairn::detail
