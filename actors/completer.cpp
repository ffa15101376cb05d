#include "completer.hpp"

#include "append_pool.hpp"
#include "caf_seam.hpp"
#include "commit_listener.hpp"
#include "engine.hpp"

#include <utility>

namespace cairn::detail {

void completer::completed(std::vector<std::unique_ptr<append_operation>> operations) noexcept {
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
    seam::wake(self_);
}

bool completer::run() noexcept {
  std::vector<std::unique_ptr<append_operation>> finished;
  bool stopped = false;
  {
    const std::lock_guard lock{mutex_};
    finished = std::exchange(finished_, {});
    woken_ = false;
    stopped = stopped_;
  }
  tell(finished);
  std::vector<std::unique_ptr<aggregate_append>> spent;
  spent.reserve(finished.size());
  for (auto& operation : finished) {
    auto& append = *spent.emplace_back(
        static_cast<aggregate_append*>(operation.release())); // only aggregates name this target
    // First out of the bounds, then the answers: who sends its next request from a continuation
    // finds room.
    append.owner->leave(append.answers.size());
    engine_.admitted().leave(append.answers.size(), append.answer_bytes());
    append.deliver_all(engine_.events());
    append.owner->append_finished();
  }
  engine_.appends().give_back(spent);
  if (stopped)
    engine_.runner_ended();
  return !stopped;
}

/// Answers leave after whoever has to know of their events first.
void completer::tell(const std::vector<std::unique_ptr<append_operation>>& finished) noexcept {
  auto* const listener = engine_.listener();
  if (!listener)
    return;
  for (auto last = finished.rbegin(); last != finished.rend(); ++last) {
    const auto& outcome = (*last)->outcome;
    if (outcome && *outcome && (*outcome)->count > 0) // the last one: positions go up
      return listener->before_replies((*outcome)->first_position + (*outcome)->count - 1);
  }
}

void completer::stop() noexcept {
  {
    const std::lock_guard lock{mutex_};
    stopped_ = true;
  }
  seam::wake(self_);
}

} // namespace cairn::detail
