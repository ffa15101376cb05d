#pragma once

#include "consumers/consumer.hpp"
#include "consumers/row_flusher.hpp"
#include "subscriptions/handler_target.hpp"
#include "support/gate.hpp"

#include <cairn/durable_subscription.hpp>

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

namespace cairn::detail {

/// What `durable_subscription` is made of: a handler, the store of its checkpoint, and the consumer
/// that brings the events.
class durable_task {
public:
  /// Opens the checkpoint, or begins a new one. `root`: the directory of all durable subscriptions;
  /// empty: in memory. `events` must live until `close` has returned, `environment` as long as
  /// this. `handle` is moved from if it succeeds. Errors: those of `runtime::subscribe_durably`.
  static result<std::shared_ptr<durable_task>>
  open(std::string name, const journal& events, const event_selection& selection,
       durable_handler& handle, const durable_subscription_options& options,
       const std::filesystem::path& root, const consumer_environment& environment);
  ~durable_task() { (void)close(); }
  durable_task(const durable_task&) = delete;
  durable_task& operator=(const durable_task&) = delete;

  /// Errors: `io_failed`.
  result<void> start();

  /// See `durable_subscription::close`.
  result<void> close();
  /// The same, and waits wherever it is called.
  result<void> finish();
  /// Tells it to end, without waiting.
  void retire();
  /// It has been closed, and let go of its checkpoint.
  bool closed() const noexcept { return closed_; }

  const std::string& name() const noexcept { return name_; }
  consumer& machine() noexcept { return consumer_; }
  cairn::position position() const noexcept { return target_.position(); }
  durable_subscription_status status() const;
  result<void> decide(projection_decision::kind what, std::string reason);
  result<std::vector<projection_decision>> decisions() const { return target_.store().decisions(); }

  /// Without threads: one turn, and what is due to be written.
  void turn();

private:
  durable_task(std::string name, std::unique_ptr<event_source> source,
               std::shared_ptr<table_store> store, durable_handler handle,
               const durable_subscription_options& options,
               const consumer_environment& environment);

  const std::string name_;
  const consumer_environment& environment_;
  mutable gate gate_; // of all that use the journal, which may go once this is closed
  std::mutex closing_;
  std::atomic<bool> closed_ = false;
  handler_target target_;
  row_flusher flusher_;
  consumer consumer_;
};

} // namespace cairn::detail
