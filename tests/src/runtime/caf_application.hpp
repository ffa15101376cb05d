#pragma once

#include <cairn/caf.hpp>

#include "account.hpp"
#include "caf_request.hpp"

#include <caf/actor_registry.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>

#include <doctest/doctest.h>

#include <condition_variable>
#include <mutex>

namespace test {

/// A CAF program with its own actor system.
struct application {
  caf::actor_system_config config;
  caf::actor_system system{prepare(config)};

  static caf::actor_system_config& prepare(caf::actor_system_config& config) {
    cairn::register_caf_types();
    return config;
  }
};

/// A number that actors raise and the test waits for.
class tally {
public:
  void add(std::size_t count = 1) {
    const std::lock_guard lock{mutex_};
    count_ += count;
    changed_.notify_all();
  }
  void wait_for(std::size_t count) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return count_ >= count; });
  }
  std::size_t count() {
    const std::lock_guard lock{mutex_};
    return count_;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t count_ = 0;
};

inline deposit put(std::uint64_t amount) {
  return {.amount = amount, .note = {}};
}

} // namespace test
