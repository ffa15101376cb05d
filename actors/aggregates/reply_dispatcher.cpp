#include "aggregates/reply_dispatcher.hpp"

#include "aggregates/append_pool.hpp"
#include "aggregates/commit_listener.hpp"
#include "aggregates/engine.hpp"

#include <cairn/detail/user_code.hpp>

#include <sstream>
#include <utility>

namespace cairn::detail {
namespace {

using operations = std::vector<std::unique_ptr<append_operation>>;

/// Only aggregates name the reply dispatcher as their listener.
std::unique_ptr<aggregate_append> as_append(std::unique_ptr<append_operation> operation) {
  return std::unique_ptr<aggregate_append>{static_cast<aggregate_append*>(operation.release())};
}

/// Fetches what the operations after `current` will touch, as the journal's writer does: other
/// threads have made all of it.
void prefetch(const operations& finished, std::size_t current) noexcept {
  const auto ahead = [&](std::size_t distance) -> const aggregate_append* {
    return current + distance < finished.size()
               ? static_cast<const aggregate_append*>(finished[current + distance].get())
               : nullptr;
  };
  if (const auto* const append = ahead(12))
    append->prefetch();
  if (const auto* const append = ahead(8))
    append->prefetch_owner();
  if (const auto* const append = ahead(4))
    append->prefetch_answers();
}

} // namespace

void reply_dispatcher::on_completed(
    std::vector<std::unique_ptr<append_operation>> operations) noexcept {
  bool wake = false;
  {
    const std::lock_guard lock{mutex_};
    if (finished_.empty())
      finished_ = std::move(operations);
    else
      std::move(operations.begin(), operations.end(), std::back_inserter(finished_));
    wake = !std::exchange(woken_, true);
  }
  if (wake)
    self_->wake();
}

bool reply_dispatcher::run() noexcept {
  const user_code_scope inside{user_code::state};
  std::vector<std::unique_ptr<append_operation>> finished;
  bool stopped = false;
  {
    const std::lock_guard lock{mutex_};
    finished = std::exchange(finished_, {});
    woken_ = false;
    stopped = stopped_;
  }
  tell(finished);
  log_failed_commit(finished);
  std::vector<std::unique_ptr<aggregate_append>> spent;
  spent.reserve(finished.size());
  for (std::size_t i = 0; i < finished.size(); ++i) {
    prefetch(finished, i);
    spent.push_back(as_append(std::move(finished[i])));
    auto& append = *spent.back();
    append.finish(engine_.events(), engine_.admitted());
    if (!append.make_reusable()) // now, while it is in the cache
      spent.pop_back();
  }
  engine_.appends().recycle(spent);
  if (stopped)
    engine_.runner_ended();
  return !stopped;
}

/// The listener is told of the events before the replies leave.
void reply_dispatcher::tell(
    const std::vector<std::unique_ptr<append_operation>>& finished) noexcept {
  auto* const listener = engine_.listener();
  if (!listener)
    return;
  for (auto last = finished.rbegin(); last != finished.rend(); ++last) {
    const auto& outcome = (*last)->outcome;
    if (outcome && *outcome && (*outcome)->count > 0) // the last one: positions go up
      return listener->before_replies((*outcome)->first_position + (*outcome)->count - 1, finished);
    // If it was written, a repetition or a query will be answered from it without another commit.
    if (outcome && !*outcome && outcome->error().code() == errc::outcome_unknown)
      return listener->before_replies(engine_.events().last_position(), finished);
  }
}

/// Once, when the journal has stopped.
void reply_dispatcher::log_failed_commit(
    const std::vector<std::unique_ptr<append_operation>>& finished) noexcept {
  const auto* const last = finished.empty() ? nullptr : finished.back().get();
  if (!last || !last->outcome || *last->outcome) {
    if (last)
      commit_failure_is_logged_ = false;
    return;
  }
  const auto code = last->outcome->error().code();
  const bool may_have_stopped = code == errc::outcome_unknown || code == errc::journal_stopped
                                || code == errc::not_owner || code == errc::io_failed;
  if (!may_have_stopped || !engine_.log() || commit_failure_is_logged_)
    return;
  const auto why = engine_.events().status().stopped_by;
  if (!why)
    return;
  commit_failure_is_logged_ = true;
  std::ostringstream text;
  text << *why;
  engine_.log()->write(log_level::error, "commit_failed", {{"error", text.str()}});
}

void reply_dispatcher::stop() noexcept {
  {
    const std::lock_guard lock{mutex_};
    stopped_ = true;
  }
  self_->wake();
}

} // namespace cairn::detail
