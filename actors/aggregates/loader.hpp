#pragma once

#include <cairn/detail/intrusive_ptr.hpp>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace cairn::detail {

class activation;
class executor;

/// Has aggregates read from the journal, a bounded number at a time, on threads of its own: a read
/// may wait for the disk, and a thread of the executor that waits is missing to the aggregates that
/// are in memory already. The others wait in the order in which they came, and hold no thread.
///
/// A thread is started when all others are busy, up to the limit. If the executor runs everything
/// in one thread (a simulation, a test), each load is a turn of the executor instead; so it is if
/// the system has no thread to give.
class loader {
public:
  /// More than this many at a time are never needed: each takes a thread.
  static constexpr std::size_t most_at_once = 256;

  /// `at_once`: at least 1; counts as `most_at_once` if it is larger.
  loader(executor& on, std::size_t at_once);
  /// As `stop`.
  ~loader();
  loader(const loader&) = delete;
  loader& operator=(const loader&) = delete;

  /// Calls `who->load()` soon, once. Any thread.
  void load(activation& who);

  /// How many wait until others have been loaded. Any thread.
  std::size_t waiting() const;

  /// Ends the threads, and waits until they have. Call it when no activation is left.
  void stop() noexcept;

private:
  using handle = intrusive_ptr<activation>;

  bool start_thread(); // under the lock
  void serve();        // in a thread
  void load_in_turn(handle first);
  handle next_in_turn();

  executor& executor_;
  const std::size_t at_once_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<handle> waiting_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;     // threads
  std::size_t in_turns_ = 0; // loads that turns of the executor are busy with
  bool stopped_ = false;
};

} // namespace cairn::detail
