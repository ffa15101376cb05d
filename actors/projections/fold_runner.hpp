#pragma once

#include "projections/projection_fold.hpp"
#include "projections/rate_meter.hpp"

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

namespace cairn::detail {

/// Runs one fold: follows the log on a thread, tries events that fail again, stops at one that
/// cannot be applied, and goes on by an operator's decision. Another thread writes the rows to disk
/// behind.
///
/// With `projection_mode::inlined`, once it has caught up, the fold is advanced by who hands out
/// replies (`fold_until`), and the thread takes in what replies do not bring.
class fold_runner {
public:
  /// Told after rows became visible, and when the runner has stopped or may go on; in the thread
  /// that did it, without a lock, so that it may take that of the fold.
  using listener = std::function<void(fold_runner&)>;

  /// `follows` false: of an older version, whose rows stay as they are. `driving` must live as
  /// long.
  fold_runner(const projection_model& model, const log_reader& log,
              std::shared_ptr<table_store> store, std::uint32_t version,
              const projection_options& options, bool follows, const fold_driving& driving,
              listener moved);
  ~fold_runner() { stop(); }
  fold_runner(const fold_runner&) = delete;
  fold_runner& operator=(const fold_runner&) = delete;

  /// With a thread if it is driven by one.
  result<void> start();
  /// What the thread does over and over: one batch, or what replies do not bring. Without a thread,
  /// by who drives it.
  void turn();
  /// Whether a turn would find anything to do now.
  bool wants_turn() const;
  /// Ends the thread after the current batch. Not from within the listener.
  void stop();
  /// Tells the thread to end; from any thread.
  void retire();

  projection_fold& fold() noexcept { return fold_; }
  table_store& store() const noexcept { return fold_.store(); }
  std::uint32_t version() const noexcept { return version_; }
  std::uint64_t position() const noexcept { return fold_.store().position(); }

  /// With the lock: nobody else advances the fold.
  std::unique_lock<std::mutex> hold() { return std::unique_lock{folding_}; }

  /// Takes in events up to `position`, if replies are what advances it.
  void fold_until(std::uint64_t position);
  /// The same while the caller holds the lock, whatever advances it; false: it failed.
  bool fold_held(std::uint64_t position);
  bool in_reply() const noexcept { return in_reply_; }
  /// From now on replies advance it, if that is its mode and it has not stopped or been paused.
  /// With the lock held, at the log's end. False: an event that has come meanwhile failed.
  bool enter_reply();

  void pause();
  /// The same with the lock held.
  void pause_held();
  bool paused() const;
  void resume();

  /// Records a decision about the event that it has stopped at, and goes on. With the lock held;
  /// `announce` after it. Errors: those of `projection_ref::park`.
  result<projection_decision> decide_held(projection_decision::kind what, std::string reason);
  /// Heeds a decision about an event that it has not taken in, made about other tables of the same
  /// version. With the lock held; `announce` after it.
  void adopt_held(const projection_decision& decision);
  void announce() { notify(); }

  /// What has stopped it, if so.
  std::optional<error> stopped() const;
  /// The position of the event that has stopped it, if one has.
  std::optional<std::uint64_t> stopped_at() const;
  bool caught_up() const noexcept { return caught_up_; }
  /// Returns too once it has stopped or is paused. Without a thread it takes its turns in this
  /// call.
  void wait_until_caught_up();

  void add_to(projection_status& status) const;

private:
  struct trouble {
    std::optional<failed_event> event; // empty: by an error
    error why;
    std::uint32_t attempts = 0;
  };

  void run();
  bool wait_until_wanted();
  void step();
  void settle(const projection_fold::outcome& outcome);
  void try_again(failed_event failed);
  void wait_out(const error& broken);
  void stop_with(trouble why);
  void run_flushes();
  void note(const projection_fold::outcome& outcome, rate_meter::clock::time_point begin);
  void notify() {
    if (moved_)
      moved_(*this);
  }
  void sleep(std::chrono::milliseconds time);
  void interrupt();

  projection_fold fold_;
  const log_reader& log_;
  const std::uint32_t version_;
  const projection_options options_;
  const bool follows_;
  const fold_driving& driving_;
  listener moved_;

  std::mutex folding_; // taken before mutex_
  std::atomic<bool> in_reply_ = false;
  std::atomic<bool> caught_up_ = false;
  std::atomic<bool> closing_ = false;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool paused_ = false;
  std::optional<trouble> stopped_;
  std::optional<trouble> last_trouble_;
  std::optional<failed_event> retrying_; // met in a reply; the thread is to try it again
  std::stop_source waiting_;
  rate_meter rate_;
  std::thread thread_;

  std::condition_variable flush_wanted_; // with mutex_
  bool rows_unflushed_ = false;
  bool flush_is_due_ = false;
  std::thread flusher_;
};

} // namespace cairn::detail
