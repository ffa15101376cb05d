#pragma once

#include "counter.hpp"
#include "latency_histogram.hpp"

#include <cairn/runtime.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <semaphore>
#include <string>
#include <vector>

namespace bench {

using clock = std::chrono::steady_clock;

/// What came back.
class outcomes {
public:
  template <class T>
  void record(const cairn::result<T>& outcome, clock::duration latency) noexcept {
    if (outcome) {
      succeeded_.fetch_add(1, std::memory_order_relaxed);
      latencies_.record(latency);
    } else {
      note_failure(outcome.error());
    }
  }

  std::uint64_t succeeded() const noexcept { return succeeded_.load(); }
  std::uint64_t failed() const noexcept { return failed_.load(); }
  const latency_histogram& latencies() const noexcept { return latencies_; }

  /// Throws `failure` with the first error if anything failed.
  void throw_if_failed() const;

private:
  void note_failure(const cairn::error& why) noexcept;

  latency_histogram latencies_;
  std::atomic<std::uint64_t> succeeded_{0};
  std::atomic<std::uint64_t> failed_{0};
  mutable std::mutex mutex_;
  std::string first_failure_;
};

/// Sends from one thread and counts what is under way. Must live until the runtime it sends to is
/// closed: the last answer may still be on its way out when `drain` returns.
class alignas(64) client {
public:
  explicit client(std::uint64_t seed) : random_{seed} {}

  /// Where the outcomes of what is sent from now on go. Only while nothing is under way.
  void report_to(outcomes& out) noexcept { out_ = &out; }

  std::mt19937_64& random() noexcept { return random_; }

  /// Counts a future as under way until it is settled, with a latency from `since`.
  template <class T>
  void expect(cairn::future<T> answer, clock::time_point since) {
    under_way_.fetch_add(1);
    std::move(answer).then([this, since](cairn::result<T>&& outcome) noexcept {
      out_->record(outcome, clock::now() - since);
      settled();
    });
  }

  std::size_t under_way() const noexcept { return under_way_.load(std::memory_order_relaxed); }

  /// Blocks until at most so many are under way.
  void wait_for_at_most(std::size_t count);
  void drain() { wait_for_at_most(0); }

private:
  void settled() noexcept;

  std::atomic<std::size_t> under_way_{0};
  std::atomic<std::size_t> wanted_{0};
  std::atomic<bool> waits_{false};
  std::binary_semaphore wake_{0};
  outcomes* out_ = nullptr;
  std::mt19937_64 random_;
};

/// A population of aggregates and clients that send to it.
class load {
public:
  struct settings {
    std::size_t aggregates = 1;
    std::size_t payload = 0;
    std::size_t in_flight = 1; ///< Of all clients together.
    std::size_t clients = 1;
    unsigned queries_of_4 = 0; ///< So many of four requests are queries.
    bool command_ids = false;
  };

  explicit load(const settings& with);

  const settings& with() const noexcept { return settings_; }

  /// To be called for each runtime, which must be closed before this goes.
  void aim(cairn::aggregates<counter> at) { target_.emplace(std::move(at)); }

  /// Called with the reply of each command that is sent from now on, in the runtime's thread.
  void after_reply(std::function<void(const cairn::reply&)> call) { after_ = std::move(call); }

  /// One command to each aggregate, in order, so that all are resident. Throws `failure`.
  void activate_all();

  /// One query to each aggregate, in order. Returns the time it took.
  std::chrono::duration<double> query_all(outcomes& out);

  /// Closed loop: each client keeps its share in flight, until the time is over and all is
  /// answered. Latencies are measured from the sending. Returns the time it took.
  std::chrono::duration<double> run_closed(std::chrono::duration<double> time, outcomes& out);

  /// Open loop: requests are sent by a schedule of `rate` a second, whatever comes back. Latencies
  /// are measured from the time of the schedule, so a late sender or a stalled runtime shows.
  std::chrono::duration<double> run_open(double rate, std::chrono::duration<double> time,
                                         outcomes& out);

  /// One at a time, each awaited by a blocking `get`.
  std::chrono::duration<double> run_single(std::chrono::duration<double> time, outcomes& out);

  /// How many requests were sent that append an event.
  std::uint64_t commands() const noexcept { return commands_.load(); }
  const std::vector<std::string>& ids() const noexcept { return ids_; }

private:
  bool send(client& by, clock::time_point since);
  void send_command(client& by, std::size_t aggregate, clock::time_point since);
  void send_query(client& by, std::size_t aggregate, clock::time_point since);
  cairn::future<cairn::reply> ask(client& by, std::size_t aggregate);
  std::chrono::duration<double>
  on_all_clients(outcomes& out, const std::function<void(client&, std::size_t)>& work);
  std::size_t share() const noexcept;

  const settings settings_;
  std::vector<std::string> ids_;
  std::vector<std::byte> data_;
  std::vector<std::unique_ptr<client>> clients_;
  std::optional<cairn::aggregates<counter>> target_;
  std::function<void(const cairn::reply&)> after_;
  std::atomic<std::uint64_t> commands_{0};
};

/// Opens a runtime on a journal. Throws `failure`.
cairn::runtime open_runtime(const std::filesystem::path& directory);

/// The id of an aggregate, of the same length for all.
std::string id_of(std::size_t index);

/// The bytes of `Added::payload` that make the event, as a message of its own, `payload` bytes long
/// (rounded up to words): two pointers go off. Throws `failure` below 16.
std::size_t data_bytes(std::size_t payload);

/// How large the journal's record of such an event is.
std::size_t record_bytes(std::size_t payload);

} // namespace bench
