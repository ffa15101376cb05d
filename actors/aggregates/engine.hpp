#pragma once

#include "aggregates/admission.hpp"
#include "aggregates/completer.hpp"
#include "aggregates/rehydration_gate.hpp"
#include "aggregates/subscribe_function.hpp"
#include "scheduling/executor.hpp"
#include "scheduling/run_queue.hpp"

#include <cairn/journal.hpp>

#include <caf/fwd.hpp>

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
  /// Turns that a lane gives before others have the thread.
  std::size_t turns_at_once = run_queue::most_turns;
  /// The clock of requests' deadlines and of idleness; empty: `steady_clock`.
  std::function<std::chrono::steady_clock::time_point()> now;
};

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
  /// `events` must live until `detach` has returned.
  static std::shared_ptr<engine> start(std::shared_ptr<executor> on, journal& events,
                                       engine_options options, subscribe_function subscribe);
  /// The same on CAF's scheduler; `system` must live as long.
  static std::shared_ptr<engine> start(caf::actor_system& system, journal& events,
                                       engine_options options, subscribe_function subscribe);
  ~engine();

  /// The aggregates of one type. Asking again for the same C++ type gives the same host and keeps
  /// its options. Another type of the same name is a bug of the application and stops the program.
  /// Errors: those of `journal::declare_schemas`.
  result<std::shared_ptr<aggregate_host>> host(std::unique_ptr<aggregate_model> model);

  /// Refuses new requests, waits until every accepted one is answered, and lets all aggregates
  /// leave memory. Subscriptions are to be ended before: their handlers may be waiting for answers.
  /// The journal stays open; it is to be closed next, and then `detach` called.
  void close();

  // The steps of `close`, for who must not wait: each when what the one before began is over.

  /// Refuses new requests. Over when `admitted().drained()`.
  void refuse_requests();
  /// Lets all aggregates leave memory. Over when `all_gone()`.
  void let_go();
  bool all_gone() const noexcept;

  /// The executor is not used any more; handles of the application may keep the closed engine alive
  /// for longer than what it runs on.
  void detach() noexcept;

  /// Who is told before replies leave; null: nobody. It must live until `close` has returned.
  void tell(commit_listener* listener) noexcept { listener_.store(listener); }

  // For the parts of the engine.
  commit_listener* listener() const noexcept { return listener_.load(); }
  executor& runs_on() noexcept { return *executor_; }
  journal& events() noexcept { return journal_; }
  const engine_options& options() const noexcept { return options_; }
  admission& admitted() noexcept { return admission_; }
  rehydration_gate& gate() noexcept { return gate_; }
  engine_counts& counts() noexcept { return counts_; }
  append_pool& appends() noexcept { return *appends_; }
  run_queue& runs() noexcept { return runs_; }
  const subscribe_function& subscribe() const noexcept { return subscribe_; }
  bool closing() const noexcept { return closing_.load(); }
  std::chrono::steady_clock::time_point now() const {
    return options_.now ? options_.now() : std::chrono::steady_clock::now();
  }

  /// `close` waits until as many runners have ended as have begun.
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
  engine(std::shared_ptr<executor> on, journal& events, engine_options options,
         subscribe_function subscribe);

  std::size_t excess() const noexcept;
  std::vector<std::shared_ptr<type_host>> all_hosts() const;
  std::shared_ptr<type_host> hosted(const aggregate_model& model) const;

  std::shared_ptr<executor> executor_;
  journal& journal_;
  const engine_options options_;
  admission admission_;
  rehydration_gate gate_;
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
  intrusive_ptr<completer> completer_;
  std::unique_ptr<append_pool> appends_;
  std::unique_ptr<executor::waker> passivation_;
  std::size_t sweep_hand_ = 0; // passivation's
};

} // namespace cairn::detail
