#include <cairn/append.hpp>

#include <condition_variable>
#include <mutex>

namespace cairn {
namespace {

/// Waits for one operation.
class waiting_target final : public append_listener {
public:
  void on_completed(std::vector<std::unique_ptr<append_operation>> operations) noexcept override {
    CAIRN_ASSERT(operations.size() == 1 && operations.front()->outcome);
    const std::lock_guard lock{mutex_};
    outcome_ = std::move(operations.front()->outcome);
    done_.notify_one(); // under the lock: the waiter destroys this object once it can see the value
  }

  result<commit> wait() {
    std::unique_lock lock{mutex_};
    done_.wait(lock, [&] { return outcome_.has_value(); });
    return *std::move(outcome_);
  }

private:
  std::mutex mutex_;
  std::condition_variable done_;
  std::optional<result<commit>> outcome_;
};

} // namespace

result<commit> appender::append(const stream_id& stream, expected_version expected,
                                event_batch events) {
  waiting_target target;
  auto operation = std::make_unique<append_operation>(stream, expected, target);
  operation->events = std::move(events);
  submit(std::move(operation));
  return target.wait();
}

} // namespace cairn
