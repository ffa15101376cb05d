#include <cairn/journal.hpp>

#include "records/append_message.hpp"

#include <condition_variable>
#include <mutex>

namespace cairn {
namespace {

constexpr std::size_t usual_snapshot_words = 256;

/// Waits for one operation.
class waiting_target final : public append_target {
public:
  void completed(std::vector<std::unique_ptr<append_operation>> operations) noexcept override {
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

result<commit> journal::append(const stream_id& stream, expected_version expected,
                               event_batch events) {
  waiting_target target;
  auto operation = std::make_unique<append_operation>(stream, expected, target);
  operation->events = std::move(events);
  submit(std::move(operation));
  return target.wait();
}

std::string_view event_view::stream() const {
  const capnp::Text::Reader name = record_.getStream();
  return {name.begin(), name.size()};
}

message_id event_view::correlation_id() const {
  const auto trace = record_.getTrace();
  return {trace.getCorrelationHigh(), trace.getCorrelationLow()};
}

message_id event_view::causation_id() const {
  const auto trace = record_.getTrace();
  return {trace.getCausationHigh(), trace.getCausationLow()};
}

snapshot_draft snapshot_draft::encode(const stream_id& stream, stream_head at,
                                      std::uint64_t fingerprint,
                                      std::span<const recent_command> recent,
                                      function_ref<void(capnp::AnyPointer::Builder)> fill) {
  snapshot_draft draft{stream, at, fingerprint, {}};
  detail::append_message(draft.message, usual_snapshot_words, [&](capnp::MessageBuilder& message) {
    auto record = message.initRoot<format::SnapshotRecord>();
    record.setStream(capnp::Text::Reader{stream.name().data(), stream.name().size()});
    record.setFingerprint(fingerprint);
    if (!recent.empty()) {
      auto commands = record.initRecentCommands(static_cast<unsigned>(recent.size()));
      for (unsigned i = 0; i < commands.size(); ++i) {
        commands[i].setIdHigh(recent[i].id.high());
        commands[i].setIdLow(recent[i].id.low());
        commands[i].setVersion(recent[i].version);
        commands[i].setPosition(recent[i].position);
      }
    }
    fill(record.getState());
  });
  return draft;
}

} // namespace cairn
