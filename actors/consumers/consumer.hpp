#pragma once

#include "consumers/consumer_environment.hpp"
#include "consumers/event_batcher.hpp"
#include "consumers/rate_meter.hpp"

#include <cairn/consumer_state.hpp>
#include <cairn/detail/user_code.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

namespace cairn::detail {

/// How a consumer is run.
struct consumer_options {
  const char* thread_name;           ///< At most 15 characters, in static memory.
  const char* kind = "subscription"; ///< For the log: or "projection".
  std::string name = {};
  user_code handler = user_code::durable_handler; ///< What `pause_between_attempts` counts as.
  batch_limits batch{};

  /// Attempts with one event before it stops the consumer, and the pauses between them, which
  /// double from the first to the longest. `pause_between_attempts` makes them instead, if set.
  std::uint32_t max_attempts = 6;
  std::chrono::milliseconds initial_backoff{10};
  std::chrono::milliseconds max_backoff{1000};
  std::function<void(std::chrono::milliseconds)> pause_between_attempts = {};

  /// false: it never takes anything in.
  bool follows = true;

  /// Once it has caught up, `advance_inline` advances it, and its thread only takes in what that
  /// does not bring.
  bool is_inline = false;
};

/// Follows the log: the one machine for projections, subscriptions and whatever else takes events
/// from a source to a target.
///
/// It runs on a thread of its own, or turn by turn. An event that cannot be applied is tried again
/// with growing pauses; then the consumer stops at it, until an operator decides: retry, park or
/// skip. Storage that is full or fails is waited for, and so is a journal that has stopped and is
/// not open again yet; any other error of the journal or the target stops it. Functions that end in
/// `_locked` need `lock`; all are for any thread, unless noted.
class consumer {
public:
  /// `source` begins at the position of `target`, which must outlive this, as must `environment`.
  /// `on_progress` is called after a batch, and when the consumer has stopped or may go on; in the
  /// thread that did it, without a lock, so that it may take that of the consumer.
  consumer(std::unique_ptr<event_source> source, event_target& target, consumer_options options,
           const consumer_environment& environment, std::function<void()> on_progress);
  ~consumer() { stop(); }
  consumer(const consumer&) = delete;
  consumer& operator=(const consumer&) = delete;

  /// Starts the thread, if it is driven by one. Errors: `io_failed`.
  result<void> start();
  /// One batch, or what `advance_inline` does not bring: what the thread does over and over.
  /// Without a thread, called by the owner.
  void turn();
  /// Whether a turn would find anything to do now.
  bool wants_turn() const;
  /// Ends the thread after the current batch. Does not wait for it from within the target or the
  /// listener.
  void stop();
  /// Tells the thread to end.
  void retire();
  bool retired() const noexcept { return closing_; }
  /// Set once it is retired; for those who work beside it.
  const std::atomic<bool>& closing() const noexcept { return closing_; }

  const event_source& source() const noexcept { return batcher_.source(); }
  cairn::position position() const noexcept { return target_.position(); }

  /// While this is held, nobody else advances it.
  [[nodiscard]] std::unique_lock<std::mutex> lock() { return std::unique_lock{advancing_}; }
  /// Takes in the events up to `position`. Returns false if that failed; the thread goes on with
  /// it.
  bool advance_locked(cairn::position position, const appended_events* recent = nullptr);
  /// Every selected event up to here has been applied, though maybe not committed.
  cairn::position reached_locked() const noexcept { return batcher_.reached(); }

  /// Takes in the events up to `position`, if `advance_inline` is what advances it. Those in
  /// `recent`, which may be null, it does not read from the log.
  void advance_inline(cairn::position position, const appended_events* recent = nullptr);
  /// From now on `advance_inline` advances it, if that is its mode and it neither has stopped nor
  /// is paused. At the log's end. Returns false if an event that has come meanwhile failed.
  bool become_inline_locked();

  /// Takes nothing in after the current batch, until `resume`.
  void pause();
  void pause_locked();
  void resume();
  bool paused() const;

  /// Records a decision about the event at which it has stopped, and goes on. The caller calls
  /// `report_decision` and `report_progress` after it has unlocked. Errors: `not_found` (it has not
  /// stopped at an event), those of `event_target::decide`.
  result<projection_decision> decide_locked(projection_decision::kind what, std::string reason);
  /// Passes over the event of a decision that was recorded elsewhere, unless it has been applied.
  /// The caller calls `report_progress` after it has unlocked.
  void apply_decision_locked(const projection_decision& decision);
  void report_decision(const projection_decision& decision) const;
  void report_progress() {
    if (on_progress_)
      on_progress_();
  }

  /// Waits until the target's storage may have recovered from `error`, or stops if waiting cannot
  /// mend it. For those who work beside the consumer's thread, too.
  void back_off(const error& why) { back_off(why, false); }

  /// What has stopped it.
  struct stop_reason {
    error why;
    cairn::position position{}; ///< Of the event; 0: it has not stopped at an event.
  };
  std::optional<stop_reason> stopped() const;
  /// It has reached the end of the log since it was opened, or last paused or stopped.
  bool caught_up() const noexcept { return caught_up_; }
  /// Returns too once it has stopped, is paused or retired. Without a thread it takes its turns in
  /// this call.
  void wait_until_caught_up();

  /// What it reports about itself.
  struct report {
    consumer_state state = consumer_state::catching_up;
    cairn::position position{};
    double rate_per_s = 0;
    std::optional<error> last_error;
    std::uint32_t attempts = 0;
  };
  report status() const;

private:
  struct failure {
    std::optional<failed_event> event; // empty: an error of the journal or the target
    error why;
    std::uint32_t attempts = 0;
  };

  void run();
  bool wait_until_wanted();
  void take_batch();
  void handle(const batch_outcome& outcome);
  void back_off(const error& why, bool of_the_source);
  void retry(failed_event failed);
  void stop_by(failure why);
  void note(const batch_outcome& outcome, rate_meter::clock::time_point begin);
  void pause_for(std::chrono::milliseconds time);
  void interrupt();
  void log(log_level level, const char* what, const failure& why, std::uint32_t attempts = 0) const;

  event_target& target_;
  event_batcher batcher_;
  const consumer_options options_;
  const consumer_environment& environment_;
  const std::function<void()> on_progress_;

  std::mutex advancing_; // taken before mutex_
  std::atomic<bool> inline_ = false;
  std::atomic<bool> caught_up_ = false;
  std::atomic<bool> closing_ = false;
  std::atomic<bool> waiting_is_logged_ = false;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool paused_ = false;
  std::optional<failure> stopped_;
  std::optional<failure> last_failure_;
  std::optional<failed_event> to_retry_; // met inline; the thread is to try it again
  std::stop_source waiting_;
  rate_meter rate_;
  std::thread thread_;
};

} // namespace cairn::detail
