#pragma once

#include "aggregates/admission.hpp"
#include "aggregates/loader.hpp"
#include "aggregates/reply_dispatcher.hpp"
#include "aggregates/subscribe_function.hpp"
#include "scheduling/executor.hpp"
#include "scheduling/run_queue.hpp"
#include "support/ask_clock.hpp"
#include "support/logger.hpp"

#include <cairn/aggregate.hpp>
#include <cairn/journal.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace cairn::detail {

class append_pool;
class aggregate_host;
class aggregate_model;
class commit_listener;
class type_host;

/// The bounds of one engine. Each is explained at `runtime_options`, where the application sets it.
struct engine_options {
  std::size_t max_outstanding = 262'144;
  std::size_t max_outstanding_bytes = std::size_t{256} << 20;
  std::size_t max_resident = 1'000'000;
  std::size_t max_resident_bytes = std::size_t{2} << 30;
  std::size_t max_concurrent_rehydrations = 1;
  std::size_t max_event_bytes = default_max_event_bytes;
  std::chrono::milliseconds passivation_interval{250};
  /// Turns that a worker gives before others have the thread.
  std::size_t turns_at_once = run_queue::most_turns;
  /// The clock of requests' deadlines and of idleness; empty: `steady_clock`.
  application_clock now = {};
  /// What the application is told goes here; null: nowhere.
  std::shared_ptr<logger> log = {};
};

/// Errors: `invalid_argument`, naming the option and its range.
result<void> check_options(const aggregate_options& options);

/// Counts that the engine keeps.
struct engine_counts {
  std::atomic<std::size_t> resident{0};
  std::atomic<std::size_t> resident_bytes{0};
  std::atomic<std::uint64_t> rehydrations{0};
  std::atomic<std::uint64_t> passivations{0};
  std::atomic<std::uint64_t> overloaded{0};
  std::atomic<std::uint64_t> ignored_snapshots{0}; ///< Of another schema than the program's.
};

/// The runtime without its wiring: aggregates of all types on one journal and one executor.
class engine final : public std::enable_shared_from_this<engine> {
public:
  /// `on` (not null) and `events` must live until `detach` has returned.
  static std::shared_ptr<engine> start(const std::shared_ptr<executor>& on, journal& events,
                                       engine_options options, subscribe_function subscribe);
  ~engine();

  /// The aggregates of one type. Asking again for the same C++ type gives the same host and keeps
  /// its options. Another type of the same name is a bug of the application and stops the program.
  /// Errors: `invalid_argument` (an option), and those of `journal::declare_schemas`.
  result<std::shared_ptr<aggregate_host>> host(std::unique_ptr<aggregate_model> model);

  // How it ends, step by step; `runtime_core` takes these steps among others of its own. Each may
  // be taken when what the one before has set off is over; it may also be waited for.

  /// Refuses new requests. Over when all that were accepted are answered.
  void refuse_requests() noexcept { admission_.close(); }
  bool all_answered() const noexcept { return admission_.drained(); }
  void wait_until_answered() { admission_.drain(); }

  /// Lets all aggregates leave memory. Over when they have, and nothing runs any more.
  void passivate_all();
  bool drained() const noexcept;
  void wait_until_gone();

  // How it is emptied so that the journal can be opened again beneath it: in the same way, but that
  // it goes on afterwards. What is closed stays closed.

  /// Refuses new requests with `journal_stopped` until `resume_requests`. Over as above.
  void suspend_requests() noexcept { admission_.suspend(); }
  void resume_requests() noexcept { admission_.resume(); }

  /// Lets all aggregates leave memory, while requests are suspended and all are answered. Over when
  /// they have.
  void empty_memory();
  bool memory_is_empty() const noexcept;
  void wait_until_memory_is_empty();

  /// Declares the schemas of all types to a journal that was opened again. Errors: those of
  /// `journal::declare_schemas`.
  result<void> declare_schemas();

  /// Executor and journal are not used any more; handles of the application may keep the closed
  /// engine alive for longer than these.
  void detach() noexcept;

  /// What the aggregates get their turns on, from any thread; null: `runtime_core` has closed.
  std::shared_ptr<executor> runs_on() const noexcept { return runs_on_.lock(); }

  /// Who is told before replies leave; null: nobody. It must live until `drained`.
  void tell(commit_listener* listener) noexcept { listener_.store(listener); }

  // For the parts of the engine.
  commit_listener* listener() const noexcept { return listener_.load(); }
  journal& events() noexcept { return journal_; }
  const engine_options& options() const noexcept { return options_; }
  admission& admitted() noexcept { return admission_; }
  loader& loads() noexcept { return loader_; }
  engine_counts& counts() noexcept { return counts_; }
  append_pool& appends() noexcept { return *appends_; }
  run_queue& runs() noexcept { return runs_; }
  const subscribe_function& subscribe() const noexcept { return subscribe_; }
  bool closing() const noexcept { return closing_.load(); }
  /// Errors: `decide_failed`: the application's clock threw.
  result<std::chrono::steady_clock::time_point> now() const noexcept;
  /// Null: nobody listens.
  logger* log() const noexcept { return options_.log.get(); }

  /// `drained` once as many runners have ended as have begun.
  void runner_begins() noexcept;
  void runner_ended() noexcept;

  /// Whether memory holds more than it should; then passivation is woken.
  bool over_residency_bound() const noexcept;
  void relieve() noexcept;

  /// One round of passivation: a part of those that were idle for long, and, if memory holds more
  /// than it should, as many as are too many, those unused for longest first (the second-chance
  /// clock; Corbató, 1968).
  void passivate_some() noexcept;

private:
  engine(const std::shared_ptr<executor>& on, journal& events, engine_options options,
         subscribe_function subscribe);

  /// Runners that are no aggregates: the reply_dispatcher, and passivation.
  static constexpr std::size_t own_runners = 2;

  std::size_t excess() const noexcept;
  std::vector<std::shared_ptr<type_host>> all_hosts() const;
  std::shared_ptr<type_host> hosted(const aggregate_model& model) const;

  const std::weak_ptr<executor> runs_on_; // not shared: its work keeps the engine
  executor& executor_;
  journal& journal_;
  const engine_options options_;
  admission admission_;
  loader loader_;
  engine_counts counts_;
  std::atomic<commit_listener*> listener_{nullptr};
  std::atomic<bool> closing_{false};
  std::atomic<bool> relieving_{false};

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t live_runners_ = 0;
  std::map<std::string, std::shared_ptr<type_host>, std::less<>> hosts_;

  run_queue runs_;
  const subscribe_function subscribe_;
  intrusive_ptr<reply_dispatcher> dispatcher_;
  std::unique_ptr<append_pool> appends_;
  std::unique_ptr<executor::waker> passivation_;
  std::size_t sweep_hand_ = 0; // passivation's
};

} // namespace cairn::detail
