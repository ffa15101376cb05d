#include "completer.hpp"

#include "append_pool.hpp"
#include "caf_seam.hpp"
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
  std::vector<std::unique_ptr<aggregate_append>> spent;
  spent.reserve(finished.size());
  for (auto& operation : finished) {
    auto& append = *spent.emplace_back(
        static_cast<aggregate_append*>(operation.release())); // only aggregates name this target
    // First out of the bounds, then the answers: who sends its next request from a continuation
    // finds room.
    if (append.turned_back()) {
      append.give_back_all();
    } else {
      append.owner->leave(append.answers.size());
      engine_.admitted().leave(append.answers.size(), append.answer_bytes());
      append.deliver_all(engine_.events());
    }
    append.owner->append_finished();
  }
  engine_.appends().give_back(spent);
  if (stopped)
    engine_.runner_ended();
  return !stopped;
}

void completer::stop() noexcept {
  {
    const std::lock_guard lock{mutex_};
    stopped_ = true;
  }
  seam::wake(self_);
}

} // namespace cairn::detail
